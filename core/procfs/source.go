package procfs

import (
	"bytes"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"

	"woodfrog/internal/fds"
)

// extent says how the kernel hands out a file.
type extent uint8

const (
	// single: one record (single_open, simple_read_from_buffer); a short read is the end and spares one more read.
	single extent = iota
	// records: a read ends after any record (seq_open with an iterator), only an empty read is the end.
	records
)

// source is a directory of files.
type source interface {
	// readFile reads into buf from its start, which it may replace by a larger one.
	readFile(name string, buf []byte, e extent) ([]byte, error)
	// readLines hands out a file by and by, whole lines at a time. It may replace buf, which is not empty, by a larger one.
	readLines(name string, buf *[]byte, take func(lines []byte) error) error
	readlink(name string) (string, error)
	lstat(name string) (mode uint32, err error)
	list(name string) ([]string, error)
	open(name string, flags int) (int, error)
	close() error
}

// dir is a directory descriptor.
type dir struct{ fd int }

func openDir(name string) (*dir, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return &dir{fd}, nil
}

func (d *dir) close() error {
	fds.Later(d.fd)
	return nil
}

func (d *dir) open(name string, flags int) (int, error) {
	return ignoringEINTR(func() (int, error) { return unix.Openat(d.fd, name, flags|unix.O_CLOEXEC, 0) })
}

const firstBuffer = 16 << 10

func (d *dir) readFile(name string, buf []byte, e extent) ([]byte, error) {
	fd, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return buf, err
	}
	defer fds.Later(fd)
	buf = buf[:cap(buf)]
	filled := 0
	for {
		if filled == len(buf) {
			larger := make([]byte, max(4*len(buf), firstBuffer))
			copy(larger, buf)
			buf = larger
		}
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, buf[filled:]) })
		if err != nil {
			return buf[:0], err
		}
		filled += n
		if n == 0 || e == single && filled < len(buf) {
			return buf[:filled], nil
		}
	}
}

func (d *dir) readLines(name string, buf *[]byte, take func(lines []byte) error) error {
	fd, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer fds.Later(fd)
	b := *buf
	filled := 0
	for {
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, b[filled:]) })
		if err != nil {
			return err
		}
		filled += n
		lines := bytes.LastIndexByte(b[:filled], '\n') + 1
		if n == 0 {
			lines = filled
		}
		if err := take(b[:lines]); err != nil || n == 0 {
			return err
		}
		filled = copy(b, b[lines:filled])
		if filled == len(b) {
			b = append(b, make([]byte, len(b))...)
			*buf = b
		}
	}
}

func (d *dir) readlink(name string) (string, error) {
	var small [256]byte
	buf := small[:]
	for {
		n, err := ignoringEINTR(func() (int, error) { return unix.Readlinkat(d.fd, name, buf) })
		if err != nil {
			return "", err
		}
		if n < len(buf) {
			return string(buf[:n]), nil
		}
		buf = make([]byte, 8*len(buf))
	}
}

func (d *dir) list(name string) ([]string, error) {
	fd, err := d.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer fds.Later(fd)
	var names []string
	var buf [4096]byte
	for {
		n, err := ignoringEINTR(func() (int, error) { return unix.Getdents(fd, buf[:]) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// tree is a directory of an fs.FS.
type tree struct {
	fsys fs.FS
	at   string
}

func (t tree) readFile(name string, buf []byte, _ extent) ([]byte, error) {
	return fs.ReadFile(t.fsys, path.Join(t.at, name))
}

func (t tree) readLines(name string, _ *[]byte, take func(lines []byte) error) error {
	b, err := t.readFile(name, nil, records)
	if err != nil {
		return err
	}
	return take(b)
}

func (t tree) readlink(name string) (string, error) {
	return fs.ReadLink(t.fsys, path.Join(t.at, name))
}

func (t tree) list(name string) ([]string, error) {
	entries, err := fs.ReadDir(t.fsys, path.Join(t.at, name))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (t tree) open(string, int) (int, error) { return -1, unix.ENOSYS }

func (t tree) close() error { return nil }
