package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Types of kcmp(2) (enum kcmp_type, include/uapi/linux/kcmp.h).
const (
	KcmpFileType = 0
	KcmpVM       = 1
	KcmpFiles    = 2
	KcmpFS       = 3
	KcmpSighand  = 4
	KcmpIO       = 5
	KcmpSysvsem  = 6
	kcmpEpollTfd = 7
)

// Kcmp compares a resource of two tasks: 0 equal, 1 less, 2 greater, 3 unequal without order. The order is the same for all pairs
// until the next boot, so resources can be sorted by it.
func Kcmp(pid1, pid2, typ int, idx1, idx2 uint64) (int, error) {
	return kcmp(pid1, pid2, typ, uintptr(idx1), uintptr(idx2))
}

// KcmpFile compares two descriptors: 0 when they are one description.
func KcmpFile(pid1, pid2, fd1, fd2 int) (int, error) {
	return Kcmp(pid1, pid2, KcmpFileType, uint64(fd1), uint64(fd2))
}

// EpollSlot is struct kcmp_epoll_slot: the file in an epoll descriptor's set that was added as number Tfd, the Toff-th of that number.
type EpollSlot struct {
	Efd  uint32
	Tfd  uint32
	Toff uint32
}

// KcmpEpoll compares descriptor fd of pid1 with a file in an epoll set of pid2 (since Linux 4.13). ENOENT: there is no such slot.
func KcmpEpoll(pid1, pid2, fd int, slot EpollSlot) (int, error) {
	return kcmp(pid1, pid2, kcmpEpollTfd, uintptr(fd), uintptr(unsafe.Pointer(&slot)))
}

//go:uintptrescapes
func kcmp(pid1, pid2, typ int, idx1, idx2 uintptr) (int, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), uintptr(typ), idx1, idx2, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), nil
}
