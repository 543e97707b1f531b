//go:build !linux

package api

// totalMemory is the machine's memory in bytes, which is not known here.
func totalMemory(fallback int64) int64 { return fallback }
