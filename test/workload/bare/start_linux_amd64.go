//go:build linux && amd64

package main

import "syscall"

// The assembly of this architecture.

func start()

//go:noescape
func sys(nr, a, b, c, d, e, f uintptr) uintptr
func thread(flags, stack, tls uintptr) uintptr
func tlsWord() uintptr
func handler()
func restorer()
func handlerAddress() uintptr
func restorerAddress() uintptr

// A sigaction is the kernel's struct sigaction of this architecture.
type sigaction struct {
	handler, flags, restorer, mask uintptr
}

const (
	sysMmap   = syscall.SYS_MMAP
	wordBytes = 8
)
