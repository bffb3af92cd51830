//go:build !386 && !arm

package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pointer is a __u64 that holds an address of ours: the garbage collector sees it.
type pointer struct {
	p unsafe.Pointer
}

const sysFcntl = unix.SYS_FCNTL
