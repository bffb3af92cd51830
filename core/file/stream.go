package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// Pipes and fifos hold bytes in flight. They are looked at without taking them out: tee(2) into a pipe of the engine's.

// streams writes what is in the pipes, or fifos, of the tree.
func (tb *Table) streams(dir *image.Dir, k image.Kind, fifo bool) error {
	var w *image.Writer
	for _, c := range tb.channels {
		if c.fifo != fifo {
			continue
		}
		if w == nil {
			var err error
			if w, err = dir.Create(k, 0); err != nil {
				return err
			}
			defer func() {
				if w != nil {
					w.Close()
				}
			}()
		}
		if err := tb.stream(w, c); err != nil {
			d := c.at()
			return fmt.Errorf("task %d: fd %d: %s: %w", d.Task.Pid, d.Fd, d.Link, err)
		}
	}
	if w == nil {
		return nil
	}
	err := w.Close()
	w = nil
	return err
}

var errOutside = errors.New("its other end is open outside of the tree: dump that process with it, or redirect to a file")

func (tb *Table) stream(w *image.Writer, c *channel) error {
	fd, err := tb.steal(c.at().Descriptor)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !c.fifo && (c.reader == nil || c.writer == nil) {
		if err := alone(fd); err != nil {
			return err
		}
	}
	if c.reader == nil {
		if !c.fifo {
			return nil // nobody will read
		}
		r, err := reopen(fd, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(r)
		fd = r
	}
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return fmt.Errorf("size (F_GETPIPE_SZ): %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return fmt.Errorf("bytes in it (FIONREAD): %w", err)
	}
	data, err := tb.peek(fd, size, n)
	if err != nil {
		return err
	}
	total := uint32(size)
	if err := w.Put(&image.PipeDataEntry{PipeId: c.id, Bytes: uint32(n), Size: &total}); err != nil {
		return err
	}
	return w.Raw(data)
}

// alone checks that nobody has the other end of a pipe, of which the tree has one.
func alone(fd int) error {
	p := []unix.PollFd{{Fd: int32(fd)}}
	for {
		_, err := unix.Poll(p, 0)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
	}
	if p[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 {
		return errOutside
	}
	return nil
}

// peek returns the n bytes in a pipe of that size, and leaves them there.
func (tb *Table) peek(fd, size, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	own, err := tb.ownPipe(size)
	if err != nil {
		return nil, err
	}
	got, err := unix.Tee(fd, own.w, size, unix.SPLICE_F_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("tee: %w", err)
	}
	if k := int(got); k != n { // x/sys takes it for a result of two words, and 32-bit kernels return one
		return nil, fmt.Errorf("tee: %d bytes instead of %d", k, n)
	}
	data := make([]byte, n)
	// a read ends with a packet (O_DIRECT, pipe(2)), else only when all is read
	switch k, err := unix.Read(own.r, data); {
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case k != n:
		return nil, errors.New("it holds packets (O_DIRECT): not served yet: let the task read them before the dump")
	}
	return data, nil
}

// scratch is the engine's own pipe, empty between uses.
type scratch struct{ r, w, size int }

// ownPipe returns a pipe that can hold all that one of size bytes can: each buffer of the one takes a buffer of the other.
func (tb *Table) ownPipe(size int) (*scratch, error) {
	own := tb.own
	if own == nil {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return nil, fmt.Errorf("pipe: %w", err)
		}
		own = &scratch{ends[0], ends[1], defaultPipe}
		tb.own = own
	}
	if size > own.size {
		var err error
		if own.size, err = unix.FcntlInt(uintptr(own.w), unix.F_SETPIPE_SZ, size); err != nil {
			return nil, fmt.Errorf("a pipe of %d bytes to copy it: %w", size, err)
		}
	}
	return own, nil
}

// stream is a pipe or fifo in the making.
type stream struct {
	r, w    int // -1 when there is none, or no more
	members []*image.FileEntry
}

func (s *stream) close() {
	for _, fd := range []int{s.r, s.w} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	s.r, s.w = -1, -1
}

// streamKind is how pipes and fifos are made.
type streamKind struct {
	data image.Kind
	id   func(*image.FileEntry) (id uint32, ok bool)
	make func(*Opener, *stream) error
	open func(*Opener, *stream, func(id uint32, fd int) error) error
}

var streamKinds = []streamKind{
	{image.PipesData, func(f *image.FileEntry) (uint32, bool) {
		if f.Type != image.FdTypes_PIPE {
			return 0, false
		}
		return f.Pipe.PipeId, true
	}, (*Opener).makePipe, (*Opener).openPipe},
	{image.FifoData, func(f *image.FileEntry) (uint32, bool) {
		if f.Type != image.FdTypes_FIFO {
			return 0, false
		}
		return f.Fifo.PipeId, true
	}, (*Opener).makeFifo, (*Opener).openFifo},
}

// streams makes the pipes, or fifos, of the image with what was in them, and opens all their descriptions.
func (o *Opener) streams(dir *image.Dir, k streamKind, put func(id uint32, fd int) error) error {
	all := map[uint32]*stream{}
	defer func() {
		for _, s := range all {
			s.close()
		}
	}()
	for _, f := range o.inOrder() {
		id, ok := k.id(f)
		if !ok {
			continue
		}
		if all[id] == nil {
			all[id] = &stream{r: -1, w: -1}
		}
		all[id].members = append(all[id].members, f)
	}
	if len(all) == 0 {
		return nil
	}
	if err := o.readStreams(dir, k, all); err != nil {
		return err
	}
	for _, f := range o.inOrder() {
		id, ok := k.id(f)
		if !ok || all[id].members[0] != f {
			continue
		}
		s := all[id]
		if s.w < 0 {
			if err := k.make(o, s); err != nil {
				return err
			}
		}
		if err := k.open(o, s, put); err != nil {
			return err
		}
		s.close()
	}
	return nil
}

// readStreams makes those of which the image has contents.
func (o *Opener) readStreams(dir *image.Dir, k streamKind, all map[uint32]*stream) error {
	r, err := dir.Open(k.data, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	name := k.data.FileName(0)
	for {
		e := &image.PipeDataEntry{}
		if err := r.Next(e); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		data, err := r.Payload(int64(e.Bytes))
		if err != nil {
			return err
		}
		s := all[e.PipeId]
		if s == nil || s.w >= 0 {
			return fmt.Errorf("%s: pipe_id: %d: not in files.img, or twice here", name, e.PipeId)
		}
		if err := k.make(o, s); err != nil {
			return err
		}
		if err := fill(s.w, e, data); err != nil {
			return fmt.Errorf("%s: pipe_id %d: %w", name, e.PipeId, err)
		}
	}
}

// defaultPipe is the size of a pipe that nobody changed: 16 pages (include/linux/pipe_fs_i.h, PIPE_DEF_BUFFERS).
var defaultPipe = 16 * unix.Getpagesize()

// fill makes an empty pipe as large as it was and puts data into it.
func fill(fd int, e *image.PipeDataEntry, data []byte) error {
	size := defaultPipe
	if e.Size != nil && int64(*e.Size) != int64(size) {
		var err error
		if size, err = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, int(*e.Size)); err != nil {
			return fmt.Errorf("size: %d (F_SETPIPE_SZ): %w", *e.Size, err)
		}
	}
	if len(data) > size {
		return fmt.Errorf("bytes: %d: more than its size, %d", len(data), size)
	}
	if len(data) == 0 {
		return nil
	}
	n, err := unix.Write(fd, data)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if n != len(data) {
		return fmt.Errorf("write: %d of %d bytes", n, len(data))
	}
	return nil
}
