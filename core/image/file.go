package image

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// File is an open file without a header. It is no os.File, which would look at each one and set up a poller: five system calls
// for a file that is used for one.
type File struct {
	fd   int
	name string
	sync bool
}

// Fd is the descriptor, valid until Close.
func (f *File) Fd() uintptr { return uintptr(f.fd) }

// Name is the file's name in its directory.
func (f *File) Name() string { return f.name }

// HandOver gives the descriptor away: take owns it from then on and returns what it is then, by which f goes on reading.
func (f *File) HandOver(take func(fd int) (int, error)) error {
	fd, err := take(f.fd)
	f.fd = fd
	return err
}

// Close closes the file, and makes it durable before if Dir.Sync asks for that.
func (f *File) Close() error {
	var err error
	if f.sync {
		err = retry(func() error { return unix.Fsync(f.fd) })
	}
	if cerr := unix.Close(f.fd); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// ReadAt is io.ReaderAt.
func (f *File) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		var k int
		if err := retry(func() (err error) { k, err = unix.Pread(f.fd, b[n:], off+int64(n)); return err }); err != nil {
			return n, err
		}
		if k == 0 {
			return n, io.EOF
		}
		n += k
	}
	return n, nil
}

// WriteAt is io.WriterAt.
func (f *File) WriteAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		var k int
		if err := retry(func() (err error) { k, err = unix.Pwrite(f.fd, b[n:], off+int64(n)); return err }); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}
