package mem

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// Open opens a description of a file in memory as it was: at its position, with its flags.
func (o *Objects) Open(e *image.MemfdFileEntry) (int, error) {
	made, err := o.Memory(uint64(e.InodeId))
	if err != nil {
		return -1, err
	}
	fd, err := o.description(e, made)
	if err != nil {
		return -1, err
	}
	if e.Pos != 0 {
		if _, err := unix.Seek(fd, int64(e.Pos), unix.SEEK_SET); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("memory file: seek to %d: %w", e.Pos, err)
		}
	}
	return fd, nil
}

// description takes the one that memfd_create gave for the first that is open for writing: it alone does not count as a writer
// of the file, and so does not keep the file from being executed (mm/memfd.c makes it without get_write_access).
func (o *Objects) description(e *image.MemfdFileEntry, made int) (int, error) {
	id := uint64(e.InodeId)
	if e.Flags&(unix.O_ACCMODE|unix.O_PATH) != unix.O_RDWR || o.taken[id] {
		return Reopen(made, e.Flags)
	}
	o.taken[id] = true
	if _, err := unix.FcntlInt(uintptr(made), unix.F_SETFL, int(e.Flags)); err != nil {
		return -1, fmt.Errorf("memory file: flags %#x: %w", e.Flags, err)
	}
	return unix.FcntlInt(uintptr(made), unix.F_DUPFD, 0)
}

// Reopen opens the file of a descriptor again, for tasks to inherit.
func Reopen(fd int, flags uint32) (int, error) {
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	got, err := unix.Open(path, int(flags), 0)
	if err != nil {
		return -1, fmt.Errorf("%s: open: %w", path, err)
	}
	return got, nil
}
