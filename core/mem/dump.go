package mem

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/buffers"
)

// copyChunk bounds what the engine holds of a task's memory at a time, bytes.
const copyChunk = 256 << 10

// Stats counts pages.
type Stats struct{ Scanned, Written uint64 }

// DumpPages stores the pages of t that are its own in pagemap-PID.img and pages-ID.img. It returns entries for the image's list of
// areas that tell of guard pages.
func DumpPages(dir *image.Dir, t *task.Task, vmas []Vma, pagesID int) (Stats, []*image.VmaEntry, error) {
	var st Stats
	page := uint64(unix.Getpagesize())
	areas := make([]scanArea, 0, len(vmas))
	for i := range vmas {
		v := &vmas[i]
		if v.Dumped() {
			st.Scanned += v.Size() / page
		}
		if v.Entry.Status&kernelMade == 0 && !isSigpage(v.Entry) {
			areas = append(areas, scanArea{Run{v.Start, v.End}, v.Dumped(), v.Prot&unix.PROT_READ != 0 && !Tagged(v.Smap)})
		}
	}
	found, err := scan(t, areas)
	if err != nil {
		return st, nil, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	pages := withKernelCode(found.pages, vmas)
	entries := []image.Message{&image.PagemapHead{PagesId: uint32(pagesID)}}
	for _, r := range joined(pages) {
		n := (r.End - r.Start) / page
		st.Written += n
		entries = append(entries, pagemapEntry(r.Start, n))
	}
	if err := dir.Write(image.Pagemap, t.Pid, entries...); err != nil {
		return st, nil, err
	}
	if err := store(dir, t, pages, pagesID, st.Written*page); err != nil {
		return st, nil, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	var guards []*image.VmaEntry
	for _, r := range found.guards {
		guards = append(guards, &image.VmaEntry{Start: r.Start, End: r.End, Status: image.VmaGuard, Fd: -1})
	}
	return st, guards, nil
}

func pagemapEntry(addr, pages uint64) *image.PagemapEntry {
	flags := uint32(image.PagePresent)
	return &image.PagemapEntry{Vaddr: addr, CompatNrPages: uint32(pages), NrPages: &pages, Flags: &flags}
}

// withKernelCode adds the code of the vDSO and [sigpage], which no scan finds: a restore on another kernel needs to know it.
func withKernelCode(pages []stretch, vmas []Vma) []stretch {
	for i := range vmas {
		v := &vmas[i]
		if v.Entry.Status&image.VmaVdso == 0 && !isSigpage(v.Entry) {
			continue
		}
		k := slices.IndexFunc(pages, func(s stretch) bool { return s.Start >= v.Start })
		if k < 0 {
			k = len(pages)
		}
		pages = slices.Insert(pages, k, stretch{Run{v.Start, v.End}, true})
	}
	return pages
}

// joined are the runs of pages, whatever areas they are in.
func joined(pages []stretch) []Run {
	var runs []Run
	for _, s := range pages {
		runs = add(runs, s.Run)
	}
	return runs
}

// store writes the pages to the pages file: from inside the task where that is possible and pays, else by way of the engine.
func store(dir *image.Dir, t *task.Task, pages []stretch, pagesID int, size uint64) (err error) {
	f, err := dir.CreateRaw(image.Pages, pagesID)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w, err := newTaskWriter(t, f, size)
	if err != nil {
		return err
	}
	if w != nil {
		defer func() {
			if e := w.close(); err == nil {
				err = e
			}
		}()
	}
	c := reader{t: t, f: f}
	defer c.close()
	var off uint64
	for len(pages) > 0 {
		// stretches in a row that the task may all read, or may all not
		var runs []Run
		readable := pages[0].readable
		for len(pages) > 0 && pages[0].readable == readable {
			runs = add(runs, pages[0].Run)
			pages = pages[1:]
		}
		if w != nil && readable {
			write := w.write
			if m := newMapper(t, f, size); m != nil {
				write = func(runs []Run, off uint64) (uint64, error) { return w.writeBoth(m, runs, off) }
			}
			n, err := write(runs, off)
			if err != nil {
				return err
			}
			runs, off = skip(runs, n), off+n
		}
		n, err := c.copy(runs, off)
		if err != nil {
			return err
		}
		off += n
	}
	return nil
}

// reader copies memory of a task to a file, by way of the engine.
type reader struct {
	t   *task.Task
	f   *image.File
	buf *[]byte // lent
	mem int     // /proc/PID/mem, once it was needed
}

func (c *reader) close() {
	if c.buf != nil {
		buffers.Put(c.buf)
	}
	if c.mem > 0 {
		unix.Close(c.mem)
	}
}

// maxIovecs is UIO_MAXIOV.
const maxIovecs = 1024

// copy writes the memory of runs to the file from off on and returns its size.
func (c *reader) copy(runs []Run, off uint64) (uint64, error) {
	var total uint64
	for _, r := range runs {
		total += r.End - r.Start
	}
	if size := int(min(total, copyChunk)); c.buf == nil || len(*c.buf) < size {
		if c.buf != nil {
			buffers.Put(c.buf)
		}
		c.buf = buffers.Get(size)
	}
	buf := *c.buf
	for len(runs) > 0 {
		var remote []unix.RemoteIovec
		fill := uint64(0)
		for _, r := range runs {
			n := min(r.End-r.Start, uint64(len(buf))-fill)
			if n == 0 || len(remote) == maxIovecs {
				break
			}
			remote = append(remote, unix.RemoteIovec{Base: uintptr(r.Start), Len: int(n)})
			fill += n
		}
		b := buf[:fill]
		if err := c.read(b, remote); err != nil {
			return 0, err
		}
		if err := pwriteAll(int(c.f.Fd()), b, int64(off)); err != nil {
			return 0, err
		}
		runs, off = skip(runs, fill), off+fill
	}
	return total, nil
}

// read reads a task's memory; what the task itself may not read goes through /proc/PID/mem.
func (c *reader) read(b []byte, remote []unix.RemoteIovec) error {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	n, err := unix.ProcessVMReadv(c.t.Pid, []unix.Iovec{iov}, remote, 0)
	if err == nil && n == len(b) {
		return nil
	}
	if c.mem == 0 {
		if c.mem, err = c.t.Proc.OpenFile("mem", unix.O_RDONLY); err != nil {
			c.mem = 0
			return err
		}
	}
	for _, r := range remote {
		for at := uint64(r.Base); r.Len > 0; {
			n, err := unix.Pread(c.mem, b[:r.Len], int64(at))
			if err == nil && n == 0 {
				err = errors.New("end of memory")
			}
			if err != nil && err != unix.EINTR {
				return fmt.Errorf("memory at %x: %w", at, err)
			}
			n = max(n, 0)
			b, at, r.Len = b[n:], at+uint64(n), r.Len-n
		}
	}
	return nil
}
