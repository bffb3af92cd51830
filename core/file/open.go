package file

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// Opener opens the descriptions of an image, in the engine, for tasks to inherit.
type Opener struct {
	Files            map[uint32]*image.FileEntry
	SkipFileRWXCheck bool
	ShellJob         bool
	Later            map[uint32]bool // files that the tasks open
	Unneeded         map[uint32]bool // files that nobody opens
	// Memory opens a file in memory.
	Memory func(*image.MemfdFileEntry) (int, error)
	// Refused is told which files cannot be opened; the others are.
	Refused func(*image.FileEntry, error)

	order []*image.FileEntry
}

// openers are the ways to open files of which each description stands alone.
var openers = map[image.FdTypes]func(*Opener, *image.FileEntry) (int, error){
	image.FdTypes_REG:       (*Opener).regular,
	image.FdTypes_MEMFD:     (*Opener).memory,
	image.FdTypes_EVENTFD:   (*Opener).eventfd,
	image.FdTypes_EVENTPOLL: (*Opener).epoll,
	image.FdTypes_SIGNALFD:  (*Opener).signalfd,
	image.FdTypes_TIMERFD:   (*Opener).timerfd,
	image.FdTypes_TTY:       (*Opener).tty,
}

// Open opens all files as they were, but for what tasks have to do themselves, and calls put with each, whose descriptor is put's from
// then on.
func (o *Opener) Open(dir *image.Dir, put func(id uint32, fd int) error) error {
	paths := o.paths()
	for _, f := range o.inOrder() {
		how := openers[f.Type]
		switch {
		case paths[f.Id] || o.Later[f.Id] || o.Unneeded[f.Id] || f.Type == image.FdTypes_PIPE || f.Type == image.FdTypes_FIFO:
			continue
		case how == nil:
			o.Refused(f, unservedType(f.Type))
			continue
		}
		fd, err := how(o, f)
		if err != nil {
			o.Refused(f, err)
			continue
		}
		if err := put(f.Id, fd); err != nil {
			return err
		}
	}
	for _, k := range streamKinds {
		if err := o.streams(dir, k, put); err != nil {
			return err
		}
	}
	return nil
}

// unservedType is the error for a file of a type that is known and not served.
type unservedType image.FdTypes

func (e unservedType) Error() string { return fmt.Sprintf("type %s: not served yet", image.FdTypes(e)) }

func (e unservedType) Is(target error) bool { return target == errors.ErrUnsupported }

// inOrder are the files in the order of their ids.
func (o *Opener) inOrder() []*image.FileEntry {
	if o.order == nil {
		for _, id := range slices.Sorted(maps.Keys(o.Files)) {
			o.order = append(o.order, o.Files[id])
		}
	}
	return o.order
}

// paths are the entries that only say by which path another one was opened.
func (o *Opener) paths() map[uint32]bool {
	ids := map[uint32]bool{}
	for _, f := range o.Files {
		if f.Type == image.FdTypes_FIFO && f.Fifo.RegfId != nil {
			ids[*f.Fifo.RegfId] = true
		}
		if f.Type == image.FdTypes_TTY && f.Tty.RegfId != nil {
			ids[*f.Tty.RegfId] = true
		}
	}
	return ids
}

func open(path string, flags uint32) (int, error) {
	for {
		fd, err := unix.Open(path, int(flags), 0)
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
