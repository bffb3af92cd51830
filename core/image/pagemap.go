package image

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"

	"golang.org/x/sys/unix"
)

// PageRuns says which pages of an address space, or of an object in memory, were stored.
type PageRuns struct {
	PagesID int // the pages file: Pages, PagesID
	Runs    []PageRun
}

// PageRun is a run of pages of one kind.
type PageRun struct {
	Addr, End uint64
	Flags     uint32 // PagePresent, PageParent, PageLazy
	Off       int64  // in the pages file, where Flags has PagePresent
}

// ReadPagemap reads a file of kind Pagemap or ShmemPagemap and checks it: runs are in order and apart, on page boundaries,
// below limit, and the pages file holds all that it should. A file that is not there is an error that is fs.ErrNotExist.
func ReadPagemap(d *Dir, k Kind, id int, pageSize, limit uint64) (*PageRuns, error) {
	r, err := d.Open(k, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var head PagemapHead
	if err := r.Next(&head); err == io.EOF {
		return nil, fault(k, id, "no entry")
	} else if err != nil {
		return nil, err
	}
	pm := &PageRuns{PagesID: int(head.PagesId)}
	entries, err := Rest[PagemapEntry](r)
	if err != nil {
		return nil, err
	}
	var at uint64
	var off int64
	pm.Runs = make([]PageRun, len(entries))
	for i, e := range entries {
		run, err := e.run(pageSize, limit, at)
		if err != nil {
			return nil, fault(k, id, "entry %d: %w", i+1, err)
		}
		if run.Flags&PagePresent != 0 {
			run.Off = off
			if off += int64(run.End - run.Addr); off < 0 {
				return nil, fault(k, id, "entry %d: nr_pages: more than a file can hold", i+1)
			}
		}
		at = run.End
		pm.Runs[i] = run
	}
	if off == 0 {
		return pm, nil
	}
	return pm, checkPages(d, k, id, pm.PagesID, off)
}

// run checks an entry on its own, against the end of the one before it.
func (e *PagemapEntry) run(pageSize, limit, at uint64) (PageRun, error) {
	n := uint64(e.CompatNrPages)
	if e.NrPages != nil {
		n = *e.NrPages
	}
	hi, size := bits.Mul64(n, pageSize)
	end, carry := bits.Add64(e.Vaddr, size, 0)
	switch {
	case e.Vaddr%pageSize != 0:
		return PageRun{}, fmt.Errorf("vaddr: %#x: not on a page boundary", e.Vaddr)
	case e.Vaddr < at:
		return PageRun{}, fmt.Errorf("vaddr: %#x: below the end of the entry before it, %#x", e.Vaddr, at)
	case n == 0:
		return PageRun{}, errors.New("nr_pages: 0")
	case hi != 0 || carry != 0 || end > limit:
		return PageRun{}, fmt.Errorf("nr_pages: %d from %#x: beyond %#x", n, e.Vaddr, limit)
	}
	return PageRun{Addr: e.Vaddr, End: end, Flags: e.kind()}, nil
}

// kind is the entry's flags; before CRIU 2.7 there was in_parent alone.
func (e *PagemapEntry) kind() uint32 {
	switch {
	case e.InParent != nil && *e.InParent:
		return PageParent
	case e.Flags == nil:
		return PagePresent
	}
	return *e.Flags
}

// checkPages compares the size of a pages file with what a pagemap says is in it.
func checkPages(d *Dir, k Kind, id, pagesID int, want int64) error {
	name := Pages.FileName(pagesID)
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err == unix.ENOENT: // hidden, as the pagemap itself is there
		return fmt.Errorf("%s: missing: %s says %d bytes", name, k.FileName(id), want)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s: not a regular file", name)
	case st.Size < want:
		return fmt.Errorf("%s: %d bytes: %s says %d", name, st.Size, k.FileName(id), want)
	}
	return nil
}

// StoredIn returns how many bytes between start and end are in the pages file.
func (pm *PageRuns) StoredIn(start, end uint64) uint64 {
	var n uint64
	first := sort.Search(len(pm.Runs), func(i int) bool { return pm.Runs[i].End > start })
	for _, r := range pm.Runs[first:] {
		if r.Addr >= end {
			break
		}
		if r.Flags&PagePresent != 0 {
			n += min(end, r.End) - max(start, r.Addr)
		}
	}
	return n
}
