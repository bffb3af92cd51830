package image

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"woodfrog/internal/buffers"
)

// flushSize is how much a Writer collects: a file of less is written by one system call.
const flushSize = 256 << 10

// Writer writes one image file: messages, and raw bytes after those that announce them. The first error stays, and Close
// returns it.
type Writer struct {
	name    string
	kind    Kind
	fd      int
	sync    bool
	buf     []byte
	lent    *[]byte // buf's memory
	entries int
	err     error
}

// Write writes a whole file of kind k for id.
func (d *Dir) Write(k Kind, id int, entries ...Message) error {
	w, err := d.Create(k, id)
	if err != nil {
		return err
	}
	for _, m := range entries {
		w.Put(m)
	}
	return w.Close()
}

// WriteAll is Write for a slice of messages of one type.
func WriteAll[M Message](d *Dir, k Kind, id int, entries []M) error {
	w, err := d.Create(k, id)
	if err != nil {
		return err
	}
	for _, m := range entries {
		w.Put(m)
	}
	return w.Close()
}

// Create creates the file of kind k for id, replacing what is there.
func (d *Dir) Create(k Kind, id int) (*Writer, error) { return d.create(k, k.FileName(id)) }

func (d *Dir) create(k Kind, name string) (*Writer, error) {
	fd, err := openat(d.fd, name, createFlags, createMode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w := &Writer{name: name, kind: k, fd: fd, sync: d.Sync, lent: buffers.Get(0)}
	w.buf = k.header(*w.lent)
	if d.full() {
		w.fail(fmt.Errorf("write: %w", unix.ENOSPC))
	}
	return w, nil
}

// Put writes a message.
func (w *Writer) Put(m Message) error {
	if w.err != nil {
		return w.err
	}
	start := len(w.buf)
	b, err := Append(append(w.buf, 0, 0, 0, 0), m)
	if err != nil {
		return w.fail(fmt.Errorf("entry %d: %w", w.entries, err))
	}
	if kinds[w.kind].sealed {
		b = seal(b, start+4)
	}
	order.PutUint32(b[start:], uint32(len(b)-start-4))
	w.buf = b
	w.entries++
	return w.flushFull()
}

// Raw writes bytes that are no message.
func (w *Writer) Raw(b []byte) error {
	if w.err != nil {
		return w.err
	}
	w.buf = append(w.buf, b...)
	return w.flushFull()
}

// Fd writes what is collected and returns the file's descriptor for splice, sendfile or writev. It stays w's.
func (w *Writer) Fd() (int, error) { return w.fd, w.flush() }

// Close writes what is collected and closes the file. It returns the first error of all that was done with w.
func (w *Writer) Close() error {
	err := w.flush()
	if w.lent != nil {
		*w.lent = w.buf
		buffers.Put(w.lent)
		w.lent, w.buf = nil, nil
	}
	if w.sync && err == nil {
		err = w.fail(retry(func() error { return unix.Fsync(w.fd) }))
	}
	if cerr := unix.Close(w.fd); err == nil {
		err = w.fail(cerr) // file systems over the network tell only now that they could not write
	}
	return err
}

func (w *Writer) flushFull() error {
	if len(w.buf) < flushSize {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	for b := w.buf; len(b) > 0 && w.err == nil; {
		n, err := unix.Write(w.fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			w.fail(fmt.Errorf("write: %w", err))
		case n == 0:
			w.fail(io.ErrShortWrite)
		default:
			b = b[n:]
		}
	}
	w.buf = w.buf[:0]
	return w.err
}

func (w *Writer) fail(err error) error {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", w.name, err)
	}
	return w.err
}
