// Package fds closes many descriptors at a time. It imports nothing of ours.
package fds

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Close closes all descriptors of a list, which it sorts: those next to one another by one call.
func Close(list []int) {
	slices.Sort(list)
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n] == list[0]+n {
			n++
		}
		if n == 1 || unix.CloseRange(uint(list[0]), uint(list[n-1]), 0) != nil { // since Linux 5.9
			for _, fd := range list[:n] {
				_ = unix.Close(fd)
			}
		}
		list = list[n:]
	}
}

// AtFirst is how many descriptors a table has room for at first (include/linux/fdtable.h, NR_OPEN_DEFAULT).
const AtFirst = 64

// Grow makes room for n descriptors in the table of this process at once. By itself the table doubles, and where threads share it the kernel waits
// each time until no processor can be reading the old one, which takes milliseconds (fs/file.c, expand_fdtable).
func Grow(n int) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	last, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, n-1)
	if err == nil {
		err = unix.Close(last)
	}
	return err
}

// later are descriptors that are no longer needed.
var later struct {
	sync.Mutex
	fds []int
}

// many are closed without waiting for Flush.
const many = 32

// Later closes descriptors when there are many, or at Flush. It is for files that were only read: an error of close would be lost.
func Later(fds ...int) {
	later.Lock()
	var full []int
	if later.fds = append(later.fds, fds...); len(later.fds) >= many {
		full, later.fds = later.fds, make([]int, 0, many+len(fds))
	}
	later.Unlock() // others need not wait for the kernel
	Close(full)
}

// Flush closes what Later has left open. Whoever reads many files calls it at the end.
func Flush() {
	later.Lock()
	defer later.Unlock()
	Close(later.fds)
	later.fds = later.fds[:0]
}
