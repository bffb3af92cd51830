package mem

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// Run is a range of pages with content of their own.
type Run struct{ Start, End uint64 }

// Entries of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	pmPresent = 1 << 63
	pmSwapped = 1 << 62
	pmFile    = 1 << 61
	pmFrame   = 1<<55 - 1
)

// Scanner finds the pages of a task that have to be stored.
type Scanner struct {
	pagemap *os.File
	page    uint64
	zero    uint64 // frame of the zero page; 0 if unknown
	buf     []byte
}

// NewScanner opens the page map of pid.
func NewScanner(pid int, zeroFrame uint64) (*Scanner, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/pagemap")
	if err != nil {
		return nil, err
	}
	return &Scanner{pagemap: f, page: uint64(unix.Getpagesize()), zero: zeroFrame, buf: make([]byte, 64<<10)}, nil
}

// Close closes the page map.
func (s *Scanner) Close() error { return s.pagemap.Close() }

// Private appends the runs of pages of m that are the task's own: in memory or swap, neither the file's nor the zero page.
func (s *Scanner) Private(m *procfs.Map, runs []Run) ([]Run, error) {
	for at := m.Start; at < m.End; {
		n := min((m.End-at)/s.page, uint64(len(s.buf)/8))
		b := s.buf[:n*8]
		if _, err := s.pagemap.ReadAt(b, int64(at/s.page*8)); err != nil {
			return nil, fmt.Errorf("pagemap of %x-%x: %w", m.Start, m.End, err)
		}
		for i := range n {
			e := binary.LittleEndian.Uint64(b[8*i:])
			if e&(pmPresent|pmSwapped) == 0 || e&pmFile != 0 {
				continue
			}
			if e&pmPresent != 0 && s.zero != 0 && e&pmFrame == s.zero {
				continue
			}
			start := at + i*s.page
			if k := len(runs) - 1; k >= 0 && runs[k].End == start {
				runs[k].End += s.page
			} else {
				runs = append(runs, Run{start, start + s.page})
			}
		}
		at += n * s.page
	}
	return runs, nil
}

// ZeroFrame is the frame number of the zero page, seen through a page of ours that was only read; 0 where the kernel shows
// no frame numbers.
func ZeroFrame() uint64 {
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Munmap(mem) }()
	return zeroFrame(mem)
}

var touched byte

func zeroFrame(mem []byte) uint64 {
	touched = mem[0] // read, so that there is a page
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], int64(linux.Address(mem)/uint64(len(mem))*8)); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:]) & pmFrame
}
