// Package stubexec lets threads of this very process run the stub of the ABI that the process was built for: the stub's code, the
// shims and the signal frames are executed, on a processor or by qemu-user, without ptrace.
package stubexec

// Thread makes a thread that begins at entry with the thread block tcb where the stub wants it. It has no stack of its own, blocks
// what the caller blocks, and belongs to no goroutine. The result is its TID or a negative errno.
func Thread(entry, tcb uintptr) int
