package file

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/internal/linux"
)

var signalfdKind = kind{typ: image.FdTypes_SIGNALFD, dump: (*Table).signalfd}

func (tb *Table) signalfd(d *description) (*image.FileEntry, error) {
	if d.Info.Signalfd == nil {
		return nil, errors.New("fdinfo: sigmask: missing")
	}
	return &image.FileEntry{Type: image.FdTypes_SIGNALFD, Id: d.id, Sgfd: &image.SignalfdEntry{
		Id: d.id, Flags: d.flags(), Fown: d.fown, Sigmask: *d.Info.Signalfd,
	}}, nil
}

func (o *Opener) signalfd(f *image.FileEntry) (int, error) {
	e := f.Sgfd
	fd, err := linux.Signalfd(e.Sigmask, int(e.Flags&unix.O_NONBLOCK))
	if err != nil {
		return -1, fmt.Errorf("signalfd: %w", err)
	}
	return orClose(fd, o.setAsync(fd, e.Flags, e.Fown))
}
