// Package archtest holds the architecture: which package may import which,
// that every package says what it is, how long a file may be, and what the
// engine must never call.
package archtest
