package core

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/file"
	"woodfrog/core/image"
	"woodfrog/core/mem"
)

// fdTable holds the descriptors that the tasks inherit from the engine: they are made here, above all numbers that the image
// uses, and each task puts copies of them in their places.
type fdTable struct {
	base  int
	files map[uint32]int // by id in the image
	all   []int
}

func (t *fdTable) close() {
	for _, fd := range t.all {
		unix.Close(fd)
	}
}

// add copies fd into the table's range.
func (t *fdTable) add(fd int) (int, error) {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, t.base)
	if err != nil {
		return -1, fmt.Errorf("descriptor above %d: %w", t.base, err)
	}
	t.all = append(t.all, got)
	return got, nil
}

// take moves fd into the table's range.
func (t *fdTable) take(fd int) (int, error) {
	defer unix.Close(fd)
	return t.add(fd)
}

// inheritable lets the table's descriptors live through exec, or not.
func (t *fdTable) inheritable(yes bool) error {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	for _, fd := range t.all {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			return err
		}
	}
	return nil
}

// File is the descriptor of the file of an id.
func (t *fdTable) File(id uint32) (int, error) {
	fd, ok := t.files[id]
	if !ok {
		return -1, fmt.Errorf("file %#x: not in files.img", id)
	}
	return fd, nil
}

func (r *restore) openFiles() error {
	r.fds = &fdTable{base: 3, files: map[uint32]int{}}
	for _, t := range r.image.tasks {
		for _, f := range t.fds {
			r.fds.base = max(r.fds.base, int(f.Fd)+1)
		}
	}
	var err error
	if r.objects, err = mem.NewObjects(r.dir); err != nil {
		return err
	}
	for id, f := range r.image.files {
		fd, err := r.openFile(id, f)
		if err != nil {
			return err
		}
		if r.fds.files[id], err = r.fds.take(fd); err != nil {
			return err
		}
	}
	return nil
}

func (r *restore) openFile(id uint32, f *image.FileEntry) (int, error) {
	switch {
	case f.Reg != nil:
		return file.OpenRegular(f.Reg)
	case f.Memfd != nil:
		return r.memoryFile(f.Memfd)
	}
	return -1, fmt.Errorf("files.img: id %d: type %s is not served yet", id, f.Type)
}
