package linux

import "golang.org/x/sys/unix"

// Types of kcmp(2) (include/uapi/linux/kcmp.h).
const (
	KcmpFileType = 0
	KcmpVM       = 1
	KcmpFiles    = 2
	KcmpFS       = 3
	KcmpSighand  = 4
)

// Kcmp compares a resource of two tasks: 0 equal, 1 less, 2 greater, 3 unequal without order.
func Kcmp(pid1, pid2, typ int, idx1, idx2 uint64) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), uintptr(typ), uintptr(idx1), uintptr(idx2), 0)
	if e != 0 {
		return 0, e
	}
	return int(r), nil
}

// KcmpFile compares two descriptors: 0 when they are one description.
func KcmpFile(pid1, pid2, fd1, fd2 int) (int, error) {
	return Kcmp(pid1, pid2, KcmpFileType, uint64(fd1), uint64(fd2))
}
