// Package stubexec lets threads of this very process run the stub of the ABI that the process was built for, and the code that its
// vDSO encoders write: all of it is executed, on a processor or by qemu-user, without ptrace.
package stubexec

import (
	"runtime"

	"woodfrog/internal/linux"
)

// Thread makes a thread that begins at entry with the thread block tcb where the stub wants it. It has no stack of its own, blocks
// what the caller blocks, and belongs to no goroutine. The result is its TID or a negative errno.
func Thread(entry, tcb uintptr) int

// Call calls fn as C does, with what four arguments the ABI has registers for, or a stack, and a fifth but on arm. The result is
// negative errno on failure, however the function says so.
func Call(fn, a, b, c, d, e uintptr) int {
	// Handlers of Go's find the goroutine in a register that C may have other things in, unless they know the place as the vDSO's
	// (runtime/signal_unix.go, sigFetchG).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := linux.BlockSignals()
	if err != nil {
		panic(err)
	}
	defer linux.RestoreSignals(old)
	return call(fn, a, b, c, d, e)
}

func call(fn, a, b, c, d, e uintptr) int
