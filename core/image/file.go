package image

import (
	"io"

	"golang.org/x/sys/unix"
)

// File is an open file without a header. It is no os.File, which would look at each one and set up a poller: five system calls
// for a file that is used for one.
type File struct {
	fd   int
	name string
}

// Fd is the descriptor, valid until Close.
func (f *File) Fd() uintptr { return uintptr(f.fd) }

// Name is the file's name in its directory.
func (f *File) Name() string { return f.name }

// Close closes the file.
func (f *File) Close() error { return unix.Close(f.fd) }

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
