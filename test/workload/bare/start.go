package main

// The assembly of each architecture.

func start()

//go:noescape
func sys(nr, a, b, c, d, e, f uintptr) uintptr
func thread(flags, stack, tls uintptr) uintptr
func tlsWord() uintptr
func handler()
func restorer()
func handlerAddress() uintptr
func restorerAddress() uintptr
func onStack(sp uintptr)

// A sigaction is the kernel's struct sigaction.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}
