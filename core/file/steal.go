package file

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// steal returns a copy of a task's descriptor: the same description, for the caller to close.
func (tb *Table) steal(d *Descriptor) (int, error) {
	pidfd, ok := tb.pidfds[d.Task.Pid]
	if !ok {
		var err error
		if pidfd, err = unix.PidfdOpen(d.Task.Pid, 0); err != nil {
			return -1, fmt.Errorf("pidfd: %w", err)
		}
		tb.pidfds[d.Task.Pid] = pidfd
	}
	fd, err := unix.PidfdGetfd(pidfd, d.Fd, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return fd, nil
}

// Close ends the table's hold of the tasks.
func (tb *Table) Close() {
	for _, fd := range tb.pidfds {
		unix.Close(fd)
	}
	clear(tb.pidfds)
	if tb.own != nil {
		unix.Close(tb.own.r)
		unix.Close(tb.own.w)
		tb.own = nil
	}
}
