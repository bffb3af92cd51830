package file

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

var eventfdKind = kind{typ: image.FdTypes_EVENTFD, dump: (*Table).eventfd}

// eventfd keeps EFD_SEMAPHORE among the flags. It is O_WRONLY's bit, to which setting flags gives no heed, and CRIU, which does not
// know that it can be there, does nothing else with them.
func (tb *Table) eventfd(d *description) (*image.FileEntry, error) {
	e := d.Info.Eventfd
	if e == nil {
		return nil, errors.New("fdinfo: eventfd-count: missing")
	}
	semaphore := e.Semaphore.Value
	if !e.Semaphore.Present {
		fd, err := tb.steal(d.Descriptor)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		if semaphore, err = isSemaphore(fd, e.Count); err != nil {
			return nil, err
		}
	}
	flags := d.flags()
	if semaphore {
		flags |= unix.EFD_SEMAPHORE
	}
	return &image.FileEntry{Type: image.FdTypes_EVENTFD, Id: d.id, Efd: &image.EventfdFileEntry{
		Id: d.id, Flags: flags, Fown: d.fown, Counter: e.Count,
	}}, nil
}

// isSemaphore finds out by what a read returns, where fdinfo does not tell (before Linux 6.5). The count is as before then.
func isSemaphore(fd int, count uint64) (bool, error) {
	added := uint64(0)
	if count < 2 {
		added = 2 // a read of 1 from 1 tells nothing
		if err := writeCount(fd, added); err != nil {
			return false, err
		}
	}
	got, err := readCount(fd)
	switch {
	case err != nil:
		return false, err
	case got == count+added:
		return false, writeCount(fd, count)
	case added == 0:
		return true, writeCount(fd, 1)
	}
	_, err = readCount(fd)
	return true, err
}

func writeCount(fd int, n uint64) error {
	if n == 0 {
		return nil
	}
	_, err := unix.Write(fd, binary.NativeEndian.AppendUint64(nil, n))
	if err != nil {
		return fmt.Errorf("eventfd: write: %w", err)
	}
	return nil
}

func readCount(fd int) (uint64, error) {
	b := make([]byte, 8)
	if _, err := unix.Read(fd, b); err != nil {
		return 0, fmt.Errorf("eventfd: read: %w", err)
	}
	return binary.NativeEndian.Uint64(b), nil
}

func (o *Opener) eventfd(f *image.FileEntry) (int, error) {
	e := f.Efd
	fd, err := unix.Eventfd(0, int(e.Flags&(unix.O_NONBLOCK|unix.EFD_SEMAPHORE)))
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	if err = writeCount(fd, e.Counter); err == nil {
		err = o.setAsync(fd, e.Flags, e.Fown)
	}
	return orClose(fd, err)
}

// orClose returns fd, or closes it if there is an error.
func orClose(fd int, err error) (int, error) {
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
