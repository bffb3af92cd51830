// Package linux holds the uapi constants, structures and calls that golang.org/x/sys/unix lacks. It is the only home of
// unsafe. Errors are unix.Errno; calls that a signal may interrupt are repeated here and nowhere else.
package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// retry repeats a call for as long as it is interrupted.
func retry(f func() unix.Errno) error {
	for {
		switch e := f(); e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

func ptr(b []byte) uintptr {
	if len(b) == 0 {
		return 0
	}
	return uintptr(unsafe.Pointer(&b[0]))
}
