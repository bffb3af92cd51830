package mem

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// copier copies between files through a buffer that bounds what the engine holds at a time.
type copier struct{ buf []byte }

// copy copies n bytes.
func (c *copier) copy(dst int, dstOff int64, src int, srcOff int64, n uint64) error {
	if want := min(n, copyChunk); uint64(len(c.buf)) < want {
		c.buf = make([]byte, want)
	}
	for n > 0 {
		got, err := unix.Pread(src, c.buf[:min(n, uint64(len(c.buf)))], srcOff)
		if err == unix.EINTR {
			continue
		}
		if err == nil && got == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read at %#x: %w", srcOff, err)
		}
		if err := pwriteAll(dst, c.buf[:got], dstOff); err != nil {
			return err
		}
		srcOff, dstOff, n = srcOff+int64(got), dstOff+int64(got), n-uint64(got)
	}
	return nil
}

func pwriteAll(fd int, b []byte, off int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write at %#x: %w", off, err)
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}
