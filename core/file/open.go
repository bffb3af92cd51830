package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// Opener opens the descriptions of an image, in the engine: tasks inherit them.
type Opener struct {
	SkipFileRWXCheck bool
	// Memory opens a file in memory.
	Memory func(*image.MemfdFileEntry) (int, error)
}

// openers are the ways to open the files of an image, by type.
var openers = map[image.FdTypes]func(*Opener, *image.FileEntry) (int, error){
	image.FdTypes_REG:   (*Opener).regular,
	image.FdTypes_MEMFD: (*Opener).memory,
}

// Open opens the file of e as it was, but for what tasks have to do themselves. The descriptor is the caller's.
func (o *Opener) Open(e *image.FileEntry) (int, error) {
	how := openers[e.Type]
	if how == nil {
		return -1, fmt.Errorf("files.img: id %d: type %s is not served yet", e.Id, e.Type)
	}
	fd, err := how(o, e)
	if err != nil {
		return -1, fmt.Errorf("files.img: id %d: %w", e.Id, err)
	}
	return fd, nil
}

func open(path string, flags uint32) (int, error) {
	for {
		fd, err := unix.Open(path, int(flags)|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// reopen opens what a descriptor leads to anew, with other flags.
func reopen(fd int, flags uint32) (int, error) {
	got, err := open(fmt.Sprintf("/proc/self/fd/%d", fd), flags)
	if err != nil {
		return -1, fmt.Errorf("open anew: %w", err)
	}
	return got, nil
}

// Regular opens a file of the image for other use than as a descriptor: reg is its entry, changed as the use requires.
func (o *Opener) Regular(reg *image.RegFileEntry) (int, error) {
	return o.regular(&image.FileEntry{Reg: reg})
}
