//go:build linux && arm64

package aarch64

import (
	"woodfrog/arch"
	"woodfrog/arch/arm"
)

// stub is never called: its bytes are what zstub.go holds.
//
//lint:ignore U1000 go vet compares the assembly with this declaration
func stub()

func vforkExec(args, size, fd, path, argv, envp uintptr) int

// In the assembly beside vforkExec: a signal handler, its address, and what it writes to.
//
//lint:ignore U1000 go vet compares the assembly with this declaration
func noteSignal()

var handler uintptr
var caught uint32

// Backend is what binaries for arm64 can do.
func Backend() *arch.Backend {
	return &arch.Backend{
		ABIs:       []*arch.ABI{AArch64, arm.OnArm64},
		VforkExec:  vforkExec,
		SignalNote: arch.SignalNote{Handler: handler, Caught: &caught},
	}
}
