package mem

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// Run is a range of pages.
type Run struct{ Start, End uint64 }

// stretch is a run of pages in areas that their task may all read, or may all not.
type stretch struct {
	Run
	readable bool
}

// scanArea is an area to scan.
type scanArea struct {
	Run
	content  bool // its own pages are wanted; if not, only guards
	readable bool
}

// own is what a scan found: pages with content of their own, in memory or swap, neither the file's nor the zero page, and guard
// pages (MADV_GUARD_INSTALL), which have none.
type own struct {
	pages  []stretch
	guards []Run
}

func (o *own) add(r Run, readable bool) {
	if k := len(o.pages) - 1; k >= 0 && o.pages[k].End == r.Start && o.pages[k].readable == readable {
		o.pages[k].End = r.End
		return
	}
	o.pages = append(o.pages, stretch{r, readable})
}

// add appends a run of pages, to the last one where it can.
func add(runs []Run, r Run) []Run {
	if k := len(runs) - 1; k >= 0 && runs[k].End == r.Start {
		runs[k].End = r.End
		return runs
	}
	return append(runs, r)
}

// scanner finds the pages of a task that have to be stored.
type scanner struct {
	fd   int // /proc/PID/pagemap
	page uint64
	buf  []byte
}

// scan looks through the areas of t, which are in order.
func scan(t *task.Task, areas []scanArea) (own, error) {
	fd, err := t.Proc.OpenFile("pagemap", unix.O_RDONLY)
	if err != nil {
		return own{}, err
	}
	defer unix.Close(fd)
	s := scanner{fd: fd, page: uint64(unix.Getpagesize())}
	var found own
	if len(areas) == 0 {
		return found, nil
	}
	room := regions.Get().(*[512]linux.PageRegion)
	defer regions.Put(room)
	err = s.scan(areas, room[:], &found)
	if errors.Is(err, unix.ENOTTY) { // before Linux 6.7
		err = s.read(areas, &found)
	}
	return found, err
}

// regions are what scans are told into.
var regions = sync.Pool{New: func() any { return new([512]linux.PageRegion) }}

// scan is one PAGEMAP_SCAN from the first to the last (Documentation/admin-guide/mm/pagemap.rst), again for as long as room gets full: there
// are page tables only where there are pages.
func (s *scanner) scan(areas []scanArea, room []linux.PageRegion, found *own) error {
	const not = linux.PAGE_IS_FILE | linux.PAGE_IS_PFNZERO
	arg := linux.PmScanArg{
		Start: areas[0].Start, End: areas[len(areas)-1].End,
		CategoryInverted: not, CategoryMask: not, CategoryAnyof: linux.PAGE_IS_PRESENT | linux.PAGE_IS_SWAPPED,
		ReturnMask: linux.PAGE_IS_SWAPPED,
	}
	for n := len(room); n == len(room) && arg.Start < arg.End; {
		var err error
		n, err = linux.PagemapScan(s.fd, &arg, room)
		if err != nil {
			return fmt.Errorf("scan of pages %x-%x: %w", arg.Start, arg.End, err)
		}
		for _, r := range room[:n] {
			if r.Start < arg.Start { // told before, and stored twice
				return fmt.Errorf("scan of pages %x-%x: the kernel tells of %x-%x", arg.Start, arg.End, r.Start, r.End)
			}
			arg.Start = r.End
			for len(areas) > 0 && areas[0].End <= r.Start {
				areas = areas[1:]
			}
			for i := 0; i < len(areas) && areas[i].Start < r.End; i++ {
				a := areas[i]
				a.Start, a.End = max(r.Start, a.Start), min(r.End, a.End)
				if r.Categories&linux.PAGE_IS_SWAPPED != 0 { // as guards are, too
					if err := s.readArea(a, found); err != nil {
						return err
					}
				} else if a.content {
					found.add(a.Run, a.readable)
				}
			}
		}
	}
	return nil
}

// read reads the page map of areas whose content is wanted.
func (s *scanner) read(areas []scanArea, found *own) error {
	for _, a := range areas {
		if a.content {
			if err := s.readArea(a, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// readArea reads the page map of an area, an entry for each page.
func (s *scanner) readArea(a scanArea, found *own) error {
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	for at := a.Start; at < a.End; {
		n := min((a.End-at)/s.page, uint64(len(s.buf)/procfs.PageEntrySize))
		b := s.buf[:n*procfs.PageEntrySize]
		if got, err := unix.Pread(s.fd, b, int64(at/s.page*procfs.PageEntrySize)); err != nil || got != len(b) {
			return fmt.Errorf("pagemap of %x-%x: %d bytes of %d: %w", a.Start, a.End, got, len(b), errOr(err, unix.ENODATA))
		}
		for i := range n {
			r := Run{at + i*s.page, at + (i+1)*s.page}
			switch kindOf(procfs.PageAt(b, int(i))) {
			case guardPage:
				found.guards = add(found.guards, r)
			case ownPage:
				if a.content {
					found.add(r, a.readable)
				}
			}
		}
		at += n * s.page
	}
	return nil
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

const (
	noPage = iota // none, or not the task's own
	ownPage
	guardPage
)

// kindOf tells what an entry of the page map stands for.
func kindOf(e procfs.PageEntry) int {
	switch {
	case e.Guard():
		return guardPage
	case !e.Present() && !e.Swapped() || e.FileOrShared():
		return noPage
	case e.Present() && e.PFN() != 0 && e.PFN() == zeroFrame():
		return noPage
	}
	return ownPage
}
