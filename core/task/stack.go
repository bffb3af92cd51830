package task

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/internal/buffers"
)

// sight is how far up a stack is searched, bytes.
const sight = 1 << 20

// stackReader reads stacks of a task, one after another into one buffer. Pages that were never touched are not: reading them would fill
// the task's page tables, and what is above a stack may be a lot of room that nobody uses.
type stackReader struct {
	t       *Task
	pagemap int // 0 before it was opened, -1 where it cannot be
	entries []byte
	lent    *[]byte
}

func (s *stackReader) close() {
	if s.pagemap > 0 {
		unix.Close(s.pagemap)
	}
	if s.lent != nil {
		buffers.Put(s.lent)
	}
}

// read reads the area of a stack from at on, as far as anything is in it. The bytes are good until the next read.
func (s *stackReader) read(at uint64) []byte {
	m := s.t.areaAt(at)
	if m == nil {
		return nil
	}
	ranges := s.touched(m, at, at+min(sight, m.End-at))
	if len(ranges) == 0 {
		return nil
	}
	if s.lent == nil {
		s.lent = buffers.Get(0)
	}
	size := int(ranges[len(ranges)-1][1] - at)
	*s.lent = slices.Grow((*s.lent)[:0], size)
	buf := (*s.lent)[:size]
	var local []unix.Iovec
	var remote []unix.RemoteIovec
	end := at
	for _, r := range ranges {
		clear(buf[end-at : r[0]-at])
		end = r[1]
		local = append(local, iovec(buf[r[0]-at:r[1]-at]))
		remote = append(remote, unix.RemoteIovec{Base: uintptr(r[0]), Len: int(r[1] - r[0])})
	}
	n, _ := unix.ProcessVMReadv(s.t.Pid, local, remote, 0)
	for _, r := range remote { // what comes behind a page that cannot be read is left out
		if n < r.Len {
			return buf[:uint64(r.Base)-at+uint64(max(n, 0))]
		}
		n -= r.Len
	}
	return buf
}

// touched are the ranges of m between start and end that may hold something.
func (s *stackReader) touched(m *procfs.Smap, start, end uint64) (ranges [][2]uint64) {
	if m.Inode != 0 || m.Shared || !s.readEntries(start, end) {
		return [][2]uint64{{start, end}}
	}
	page := uint64(os.Getpagesize())
	for i, at := 0, start; at < end; i++ {
		next := min(end, (at/page+1)*page)
		if e := procfs.PageAt(s.entries, i); e.Present() || e.Swapped() {
			if k := len(ranges) - 1; k >= 0 && ranges[k][1] == at {
				ranges[k][1] = next
			} else {
				ranges = append(ranges, [2]uint64{at, next})
			}
		}
		at = next
	}
	return ranges
}

// readEntries reads the page map's entries from start to end.
func (s *stackReader) readEntries(start, end uint64) bool {
	if s.pagemap == 0 {
		var err error
		if s.pagemap, err = s.t.Proc.OpenFile("pagemap", unix.O_RDONLY); err != nil {
			s.pagemap = -1
		}
	}
	page := uint64(os.Getpagesize())
	first := start / page
	size := int((end-1)/page-first+1) * procfs.PageEntrySize
	s.entries = slices.Grow(s.entries[:0], size)[:size]
	n, err := unix.Pread(s.pagemap, s.entries, int64(first*procfs.PageEntrySize))
	return err == nil && n == size
}
