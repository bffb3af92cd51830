package mem

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/internal/buffers"
)

// Inherited says what a task takes over from its maker.
type Inherited struct {
	Compared uint64 // pages whose contents were compared
	Shared   uint64 // pages that were equal and stay the maker's until one of the two writes
	// Filled: the task is to be made when the maker's contents are in place.
	Filled bool
}

// worth is how many of the maker's pages may be copied with its page tables for each page that is shared: a fork copies an entry
// in a fraction of the time that reading a page takes.
const worth = 16

// Inherit compares the space with that of the task that will clone its task, and keeps what is the same in both: mappings
// always, contents where enough of them are shared.
func (s *Space) Inherit(maker *Space) (Inherited, error) {
	var in Inherited
	var pages uint64
	for i := range maker.areas {
		for _, p := range maker.areas[i].stored {
			pages += (p.End - p.Start) / s.page
		}
	}
	var plans []*common
	cmp := comparer{a: s.content, b: maker.content, page: s.page, alone: s.alone, bufA: buffers.Get(0), bufB: buffers.Get(0)}
	defer buffers.Put(cmp.bufA)
	defer buffers.Put(cmp.bufB)
	for i := range s.areas {
		a := &s.areas[i]
		m := maker.sameMapping(a)
		if m == nil {
			continue
		}
		c := &common{area: a, maker: m}
		if err := c.compare(&cmp); err != nil {
			return in, fmt.Errorf("vma %x-%x: %w", a.Start, a.End, err)
		}
		if uint64(len(c.own)+len(c.drop)) > c.shared {
			c.shared = 0 // a call for each piece costs more than reading all anew
		}
		in.Shared += c.shared
		plans = append(plans, c)
	}
	in.Compared = cmp.compared
	in.Filled = in.Shared > 0 && in.Shared*worth >= pages
	if !in.Filled {
		in.Shared = 0
	}
	for _, c := range plans {
		if c.keep(in.Filled) {
			s.maker = maker
		}
	}
	s.keepVDSO(maker)
	return in, nil
}

// sameMapping finds the area that maps all that a does, in a way that a fork passes on. Anonymous memory may have grown since, as a heap
// does: it is made to grow again. What is empty and not to be written to has not: it is address space that is reserved, for all of which the
// kernel would have to have memory if it grew out of what is to be written to (mm/mremap.c: VM_ACCOUNT).
func (s *Space) sameMapping(a *area) *area {
	if a.Status&kernelMade != 0 {
		return nil
	}
	grows := a.Status&image.VmaAnonPrivate != 0 && a.Flags&unix.MAP_GROWSDOWN == 0 && (a.Prot&unix.PROT_WRITE != 0 || len(a.stored) > 0)
	for i := range s.areas {
		m := &s.areas[i]
		if m.Start > a.Start || a.Start >= m.End {
			continue
		}
		if a.End > m.End && !grows || m.Status&kernelMade != 0 ||
			m.advised(unix.MADV_DONTFORK) || m.advised(unix.MADV_WIPEONFORK) {
			return nil
		}
		if a.Flags&unix.MAP_GROWSDOWN != 0 && (a.Start != m.Start || a.End != m.End) {
			return nil // the part that grows must be where it was
		}
		const flags = ^uint32(unix.MAP_LOCKED)
		const status = image.VmaFilePrivate | image.VmaFileShared | image.VmaAnonShared | image.VmaAnonPrivate | image.VmaSysvIPC
		if a.Flags&flags != m.Flags&flags || a.Status&status != m.Status&status || a.Flags&unix.MAP_TYPE == mapDroppable {
			return nil
		}
		if image.UnusualProt([]*image.VmaEntry{a.VmaEntry}) != image.UnusualProt([]*image.VmaEntry{m.VmaEntry}) {
			return nil // mprotect does not take PROT_MTE away
		}
		if a.Status&image.VmaAnonPrivate == 0 && (a.Shmid != m.Shmid || !equal(a.Fdflags, m.Fdflags) || a.Pgoff-a.Start != m.Pgoff-m.Start) {
			return nil
		}
		return m
	}
	return nil
}

func equal(a, b *uint32) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// common is what an area has in common with that of the maker.
type common struct {
	area, maker *area
	shared      uint64  // pages that are equal
	own         []piece // pages of the area that are not the maker's
	drop        []Run   // pages of the maker that the area has not
	makerHas    bool    // the maker has pages here at all
}

// compare walks the pages of both in step.
func (c *common) compare(cmp *comparer) error {
	theirs := clip(c.maker.stored, c.area.Start, c.area.End)
	c.makerHas = len(theirs) > 0
	for _, mine := range c.area.stored {
		for mine.Start < mine.End {
			for len(theirs) > 0 && theirs[0].End <= mine.Start {
				c.lacks(theirs[0].Run)
				theirs = theirs[1:]
			}
			if len(theirs) == 0 || theirs[0].Start >= mine.End {
				c.own = append(c.own, mine)
				break
			}
			their := theirs[0]
			if their.Start < mine.Start {
				c.lacks(Run{their.Start, mine.Start})
				theirs[0].cut(mine.Start)
				continue
			}
			if mine.Start < their.Start {
				c.own = append(c.own, piece{Run{mine.Start, their.Start}, mine.off})
				mine.cut(their.Start)
			}
			end := min(mine.End, their.End)
			if err := c.contents(cmp, mine, their, end); err != nil {
				return err
			}
			mine.cut(end)
			theirs[0].cut(end)
		}
	}
	for _, t := range theirs {
		c.lacks(t.Run)
	}
	return nil
}

// lacks notes pages that only the maker has.
func (c *common) lacks(r Run) {
	if r.Start < r.End {
		c.drop = append(c.drop, r)
	}
}

// cut drops what is before at.
func (p *piece) cut(at uint64) {
	p.off += int64(at - p.Start)
	p.Start = at
}

// clip is a copy of the parts of pieces between start and end.
func clip(pieces []piece, start, end uint64) []piece {
	var out []piece
	for _, p := range pieces {
		if p.End <= start || end <= p.Start {
			continue
		}
		if p.Start < start {
			p.cut(start)
		}
		p.End = min(p.End, end)
		out = append(out, p)
	}
	return out
}

// contents compares pages of two files that belong at the same addresses, up to end.
func (c *common) contents(cmp *comparer, mine, their piece, end uint64) error {
	for mine.Start < end {
		a, b, err := cmp.read(mine.off, their.off, end-mine.Start)
		if err != nil {
			return err
		}
		n := uint64(len(a))
		if bytes.Equal(a, b) {
			c.shared += n / cmp.page
			mine.cut(mine.Start + n)
			their.cut(their.Start + n)
			continue
		}
		for i := uint64(0); i < n; i += cmp.page {
			if bytes.Equal(a[i:i+cmp.page], b[i:i+cmp.page]) {
				c.shared++
			} else if k := len(c.own) - 1; k >= 0 && c.own[k].End == mine.Start {
				c.own[k].End += cmp.page
			} else {
				c.own = append(c.own, piece{Run{mine.Start, mine.Start + cmp.page}, mine.off})
			}
			mine.cut(mine.Start + cmp.page)
			their.cut(their.Start + cmp.page)
		}
	}
	return nil
}

// compareChunk is what is read of each file at a time, bytes: enough to be worth a thread.
const compareChunk = 1 << 20

// comparer reads two pages files.
type comparer struct {
	a, b       io.ReaderAt
	bufA, bufB *[]byte // lent
	page       uint64
	compared   uint64 // pages
	alone      bool   // no other thread can read them
}

func (c *comparer) read(offA, offB int64, size uint64) (a, b []byte, err error) {
	size = min(size, compareChunk)
	*c.bufA, *c.bufB = slices.Grow((*c.bufA)[:0], int(size)), slices.Grow((*c.bufB)[:0], int(size))
	a, b = (*c.bufA)[:size], (*c.bufB)[:size]
	c.compared += size / c.page
	if size < compareChunk || c.alone {
		if err := readAt(c.a, a, offA); err != nil {
			return nil, nil, err
		}
		return a, b, readAt(c.b, b, offB)
	}
	other := make(chan error, 1) // reading is most of the work, and there are two files
	go func() { other <- readAt(c.b, b, offB) }()
	err = readAt(c.a, a, offA)
	return a, b, errors.Join(err, <-other)
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	return fmt.Errorf("read pages at %#x: %w", off, err)
}

// keep decides whether the area stays as the maker's is when its task is cloned, with or without contents.
func (c *common) keep(filled bool) bool {
	if c.makerHas && (!filled || c.shared == 0) {
		return false
	}
	a := c.area
	a.kept, a.fill, a.drop = true, c.own, c.drop
	a.prot, a.cloned = c.maker.prot, c.maker.prot
	a.has = min(a.End, c.maker.End) - a.Start
	if len(a.fill) > 0 {
		a.prot = filling(a.prot)
	}
	return true
}

// keepVDSO keeps the vDSO where it is the maker's too.
func (s *Space) keepVDSO(maker *Space) {
	mine, theirs := s.vdso(), maker.vdso()
	if s.maker == nil || len(mine) != len(theirs) {
		return
	}
	for i, a := range mine {
		if b := theirs[i]; a.Start != b.Start || a.End != b.End || a.Status != b.Status {
			return
		}
	}
	for _, a := range mine {
		a.kept, a.has = true, a.End-a.Start
	}
}

// vdso is its areas, those with data among them.
func (s *Space) vdso() []*area {
	var all []*area
	for i := range s.areas {
		if s.areas[i].Status&(image.VmaVdso|image.VmaVvar) != 0 {
			all = append(all, &s.areas[i])
		}
	}
	return all
}

// DropVdso takes back that the vDSO is the maker's.
func (s *Space) DropVdso() {
	for _, a := range s.vdso() {
		a.kept = false
	}
}

// KeepsVdso says whether the vDSO is the maker's, so that none needs to be mapped.
func (s *Space) KeepsVdso() bool {
	all := s.vdso()
	return len(all) > 0 && all[0].kept
}
