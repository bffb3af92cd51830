//go:build linux && amd64

package x86

import "woodfrog/arch"

// stub is never called: its bytes are what zstub_x86_64.go holds.
//
//lint:ignore U1000 go vet compares the assembly with this declaration
func stub()

func vforkExec(args, size, fd, path, argv, envp uintptr) int

// In the assembly beside vforkExec: a signal handler and its way back, their addresses, and what it writes to.
//
//lint:ignore U1000 go vet compares the assembly with these declarations
func noteSignal()

//lint:ignore U1000 the same
func signalReturn()

var handler, restorer uintptr
var caught uint32

// Backend is what binaries for amd64 can do.
func Backend() *arch.Backend {
	return &arch.Backend{
		ABIs: []*arch.ABI{X86_64, I386}, Xstate: xstateLayout, CPU: cpu, CPUNames: &CPUNames,
		VforkExec:  vforkExec,
		SignalNote: arch.SignalNote{Handler: handler, Restorer: restorer, Caught: &caught},
	}
}
