package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

var fifoKind = kind{typ: image.FdTypes_FIFO, dump: (*Table).fifo}

// fifo dumps an open fifo: what it was opened by is an entry of its own.
func (tb *Table) fifo(d *description) (*image.FileEntry, error) {
	st, err := tb.inode(d.Link)
	if err != nil {
		return nil, err
	}
	c := tb.channel(channelKey{fifo: true, dev: st.dev, ino: st.ino}, d)
	reg := regularEntry(tb.nextID(), d.Link, st, d.flags())
	reg.Reg.Fown = d.fown
	tb.Entries = append(tb.Entries, reg)
	return &image.FileEntry{Type: image.FdTypes_FIFO, Id: d.id, Fifo: &image.FifoEntry{Id: d.id, PipeId: c.id, RegfId: &reg.Id}}, nil
}

// makeFifo opens the fifo of a stream for both directions: so nobody has to wait for the other end, and what is in it stays.
func (o *Opener) makeFifo(s *stream) error {
	reg, err := o.regOf(s.members[0])
	if err != nil {
		return err
	}
	const both = unix.O_RDWR | unix.O_NONBLOCK
	r := *reg
	r.Flags = both
	if s.w, err = o.openPath(&r, both); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	s.r = -1
	return nil
}

// openFifo opens the descriptions of a fifo.
func (o *Opener) openFifo(s *stream, put func(id uint32, fd int) error) error {
	for _, f := range s.members {
		reg, err := o.regOf(f)
		if err != nil {
			return err
		}
		fd, err := o.openPath(reg, reg.Flags|unix.O_NONBLOCK)
		if err == nil && reg.Flags&unix.O_NONBLOCK == 0 {
			if err = setFlags(fd, reg.Flags); err != nil {
				unix.Close(fd)
			}
		}
		if err != nil {
			return fmt.Errorf("files.img: id %d: %s: %w", f.Id, reg.Name, err)
		}
		if err := put(f.Id, fd); err != nil {
			return err
		}
	}
	return nil
}

// regOf is the entry of the path of a fifo.
func (o *Opener) regOf(f *image.FileEntry) (*image.RegFileEntry, error) {
	id := f.Id // in images older than the field
	if f.Fifo.RegfId != nil {
		id = *f.Fifo.RegfId
	}
	reg := o.Files[id]
	if reg == nil || reg.Reg == nil {
		return nil, fmt.Errorf("files.img: id %d: fifo.regf_id: %d: no regular file", f.Id, id)
	}
	return reg.Reg, nil
}
