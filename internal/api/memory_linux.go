package api

import "syscall"

// totalMemory is the machine's memory in bytes, or fallback if it is not known.
func totalMemory(fallback int64) int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return fallback
	}
	return int64(info.Totalram) * int64(info.Unit)
}
