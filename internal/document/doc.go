// Package document turns documents of the wire into the engine's types and
// back: job configurations with all their rules, result documents, data counts
// and model sizes.
package document
