package file

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

var pipeKind = kind{typ: image.FdTypes_PIPE, dump: (*Table).pipe}

func (tb *Table) pipe(d *description) (*image.FileEntry, error) {
	number := strings.TrimSuffix(strings.TrimPrefix(d.Link, "pipe:["), "]")
	ino, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("inode: %w", err)
	}
	c := tb.channel(channelKey{ino: ino}, d)
	return &image.FileEntry{Type: image.FdTypes_PIPE, Id: d.id, Pipe: &image.PipeEntry{
		Id: d.id, PipeId: c.id, Flags: d.flags(), Fown: d.fown,
	}}, nil
}

// channel is a pipe or fifo, with a description of each end that tasks have open.
type channel struct {
	channelKey
	id             uint32
	reader, writer *description
}

type channelKey struct {
	fifo     bool
	dev, ino uint64 // dev is 0 for pipes
}

// channel notes that d is open on a pipe or fifo.
func (tb *Table) channel(k channelKey, d *description) *channel {
	c := tb.channelOf[k]
	if c == nil {
		c = &channel{channelKey: k, id: uint32(k.ino)}
		for tb.channelIDs[channelID{k.fifo, c.id}] {
			c.id++ // two file systems, one inode number
		}
		tb.channelIDs[channelID{k.fifo, c.id}] = true
		tb.channelOf[k] = c
		tb.channels = append(tb.channels, c)
	}
	mode := d.flags() & unix.O_ACCMODE
	if c.reader == nil && mode != unix.O_WRONLY {
		c.reader = d
	}
	if c.writer == nil && mode != unix.O_RDONLY {
		c.writer = d
	}
	return c
}

type channelID struct {
	fifo bool
	id   uint32
}

// at is a description of either end.
func (c *channel) at() *description {
	if c.reader != nil {
		return c.reader
	}
	return c.writer
}

// makePipe makes the pipe of a stream.
func (o *Opener) makePipe(s *stream) error {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	s.r, s.w = ends[0], ends[1]
	return nil
}

// openPipe opens the ends of a pipe. A description with O_LARGEFILE was opened through /proc, for pipe(2) does not give it; of others there
// is one for each end.
func (o *Opener) openPipe(s *stream, put func(id uint32, fd int) error) error {
	var first [2]*image.PipeEntry
	for _, f := range s.members {
		e := f.Pipe
		mode := e.Flags & unix.O_ACCMODE
		if mode < unix.O_RDWR && e.Flags&unix.O_LARGEFILE == 0 && first[mode] == nil {
			first[mode] = e
			continue
		}
		fd := s.r
		if mode == unix.O_WRONLY {
			fd = s.w
		}
		fd, err := reopen(fd, e.Flags&^notOpened)
		if err != nil {
			return fmt.Errorf("files.img: id %d: %w", e.Id, err)
		}
		if err := o.finish(fd, e, put); err != nil {
			return err
		}
	}
	for i, fd := range []*int{&s.r, &s.w} {
		if e := first[i]; e != nil {
			end := *fd
			*fd = -1
			if err := o.finish(end, e, put); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish gives an end of a pipe its flags and hands it over.
func (o *Opener) finish(fd int, e *image.PipeEntry, put func(id uint32, fd int) error) error {
	err := o.setAsync(fd, e.Flags, e.Fown)
	if err == nil && e.Flags&(unix.O_NONBLOCK|unix.O_DIRECT) != 0 {
		err = setFlags(fd, e.Flags)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("files.img: id %d: %w", e.Id, err)
	}
	return put(e.Id, fd)
}
