package linux

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// iowr is _IOWR of include/uapi/asm-generic/ioctl.h. ppc64 counts the direction bits differently (arch/powerpc/include/uapi/asm/ioctl.h):
// read and write are 6 from bit 29 there, 3 from bit 30 elsewhere, which is the same number.
func iowr(kind byte, nr byte, size uintptr) uintptr {
	return 0xc0000000 | size<<16 | uintptr(kind)<<8 | uintptr(nr)
}

// iow is _IOW. Write is 4 from bit 29 on ppc64, 1 from bit 30 elsewhere.
func iow(kind byte, nr byte, size uintptr) uintptr {
	write := uintptr(1 << 30)
	if runtime.GOARCH == "ppc64le" || runtime.GOARCH == "ppc64" {
		write = 4 << 29
	}
	return write | size<<16 | uintptr(kind)<<8 | uintptr(nr)
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) (int, error) {
	var n uintptr
	err := retry(func() unix.Errno {
		var e unix.Errno
		n, _, e = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		return e
	})
	return int(n), err
}
