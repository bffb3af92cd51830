//go:build linux && arm

package main

import (
	"fmt"
	"syscall"
)

const vectorWords = 32 // D0-D31

// threadPointer is what set_tls has set.
func threadPointer() uint32

// keepers keep a thread pointer, which Go's runtime has no use for without cgo.
func keepers() []keeper { return []keeper{keepThreadPointer} }

func keepThreadPointer() (func() error, error) {
	const setTLS, pointer = 0xf0005, 0x12345670 // __ARM_NR_set_tls
	if _, _, e := syscall.RawSyscall(setTLS, pointer, 0, 0); e != 0 {
		return nil, fmt.Errorf("set_tls: %w", e)
	}
	return func() error {
		if got := threadPointer(); got != pointer {
			return fmt.Errorf("the thread pointer is %#x, not %#x", got, pointer)
		}
		return nil
	}, nil
}
