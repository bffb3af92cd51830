package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/sys/unix"

	"woodfrog/internal/buffers"
	"woodfrog/internal/fds"
)

// readSize is what a Reader asks for first: a file of less takes one read, and is closed at once.
const readSize = 16 << 10

// maxMessage is what no message comes near: an address space with as many areas as Linux allows by default takes 4 MiB. Decoded
// messages are larger than their bytes, so that their size in the file is no bound by itself.
const maxMessage = 64 << 20

// Reader reads one image file. No size in the file is believed beyond the file's own.
type Reader struct {
	name    string
	kind    Kind
	fd      int // -1 once all of the file is in buf
	size    int64
	buf     []byte // the file's bytes that were read and not used
	off     int64  // of buf in the file
	entries int
}

// Open opens the file of kind k for id and checks its magics.
func (d *Dir) Open(k Kind, id int) (*Reader, error) {
	r := &Reader{name: k.FileName(id), kind: k}
	var err error
	if d.names != nil && !d.names[r.name] {
		err = unix.ENOENT
	} else {
		r.fd, err = openat(d.fd, r.name, readFlags, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	if err := r.start(); err != nil {
		_ = unix.Close(r.fd)
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	if r.size < readSize {
		r.Close()
	}
	return r, nil
}

// start reads the beginning of the file, or all of it, and checks the magics.
func (r *Reader) start() error {
	room := buffers.Get(readSize)
	defer buffers.Put(room)
	n, err := r.read(*room)
	if err != nil {
		return err
	}
	r.buf = bytes.Clone((*room)[:n]) // most files are a fraction of it
	r.size = int64(n)
	if n == readSize {
		if r.size, err = regularSize(r.fd); err != nil {
			return err
		}
	}
	want := r.kind.header(nil)
	if len(r.buf) < len(want) {
		return fmt.Errorf("magic: %w", errShort)
	}
	for i := 0; i < len(want); i += 4 {
		if got, want := order.Uint32(r.buf[i:]), order.Uint32(want[i:]); got != want {
			return fmt.Errorf("magic %#x: want %#x", got, want)
		}
	}
	r.use(len(want))
	return nil
}

var errShort = errors.New("file ends too early")

// Close closes the file.
func (r *Reader) Close() {
	if r.fd >= 0 {
		fds.Later(r.fd)
		r.fd = -1
	}
}

// Next reads the next message into m, or returns io.EOF at the end of the file.
func (r *Reader) Next(m Message) error {
	if r.left() == 0 {
		return io.EOF
	}
	if err := r.next(m); err != nil {
		return fmt.Errorf("%s: entry %d: %w", r.name, r.entries, err)
	}
	r.entries++
	return nil
}

func (r *Reader) next(m Message) error {
	head, err := r.take(4)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	size := order.Uint32(head)
	if size > maxMessage && int64(size) <= r.left() {
		return fmt.Errorf("%d bytes: more than the %d of any message", size, maxMessage)
	}
	b, err := r.take(int64(size))
	if err != nil {
		return err
	}
	if kinds[r.kind].sealed {
		if b, err = unseal(b); err != nil {
			return err
		}
	}
	return Unmarshal(b, m)
}

// Payload returns the next n bytes of the file. They are valid until the next call.
func (r *Reader) Payload(n int64) ([]byte, error) {
	b, err := r.take(n)
	if err != nil {
		return nil, r.payloadError(n, err)
	}
	return b, nil
}

// Skip passes over n bytes.
func (r *Reader) Skip(n int64) error {
	if n < 0 || n > r.left() {
		return r.payloadError(n, errShort)
	}
	if n <= int64(len(r.buf)) {
		r.use(int(n))
		return nil
	}
	r.off += n
	r.buf = nil
	return nil
}

// Offset returns where in the file the next byte is, and left how many there are.
func (r *Reader) Offset() (off, left int64) { return r.off, r.left() }

func (r *Reader) payloadError(n int64, err error) error {
	return fmt.Errorf("%s: %d bytes after entry %d: %w", r.name, n, r.entries-1, err)
}

func (r *Reader) left() int64 { return r.size - r.off }

func (r *Reader) use(n int) {
	r.buf = r.buf[n:]
	r.off += int64(n)
}

// take returns the next n bytes, which are compared with what the file has before anything is allocated.
func (r *Reader) take(n int64) ([]byte, error) {
	if n < 0 || n > r.left() {
		return nil, fmt.Errorf("%d bytes: %w", n, errShort)
	}
	if n > math.MaxInt-readSize {
		return nil, fmt.Errorf("%d bytes: more than memory", n)
	}
	if n > int64(len(r.buf)) {
		if err := r.fill(int(n)); err != nil {
			return nil, err
		}
	}
	b := r.buf[:n:n]
	r.use(int(n))
	return b, nil
}

// fill brings at least n bytes into buf, and some more so that small entries do not take a read each.
func (r *Reader) fill(n int) error {
	want := min(int64(max(n, readSize)), r.left())
	b := make([]byte, want)
	have := copy(b, r.buf)
	for have < len(b) {
		got, err := r.readAt(b[have:], r.off+int64(have))
		if err != nil {
			return err
		}
		if got == 0 {
			return errShort // it shrank
		}
		have += got
	}
	r.buf = b
	return nil
}

func (r *Reader) read(b []byte) (n int, err error) {
	err = retry(func() error { n, err = unix.Read(r.fd, b); return err })
	return n, err
}

func (r *Reader) readAt(b []byte, off int64) (n int, err error) {
	err = retry(func() error { n, err = unix.Pread(r.fd, b, off); return err })
	return n, err
}
