package mem

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
)

// Flags of a pagemap entry, as CRIU numbers them.
const (
	PeParent  = 1 << 0
	PePresent = 1 << 2
)

// copyChunk bounds what the engine holds of a task's memory at a time, bytes.
const copyChunk = 1 << 20

// Stats counts pages.
type Stats struct{ Scanned, Written uint64 }

// DumpPages stores the pages of t that are its own in pagemap-PID.img and pages-ID.img.
func DumpPages(dir *image.Dir, t *task.Task, vmas []Vma, zeroFrame uint64, pagesID int) (Stats, error) {
	var st Stats
	page := uint64(unix.Getpagesize())
	scan, err := NewScanner(t.Pid, zeroFrame)
	if err != nil {
		return st, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	defer scan.Close()
	var runs []Run
	for i := range vmas {
		v := &vmas[i]
		if !v.Dumped() {
			continue
		}
		st.Scanned += v.Size() / page
		if v.Entry.Status&Vdso != 0 {
			runs = append(runs, Run{v.Start, v.End})
			continue
		}
		if runs, err = scan.Private(&v.Map, runs); err != nil {
			return st, fmt.Errorf("task %d: %w", t.Pid, err)
		}
	}
	entries := []image.Message{&image.PagemapHead{PagesId: uint32(pagesID)}}
	for _, r := range runs {
		n := (r.End - r.Start) / page
		st.Written += n
		entries = append(entries, pagemapEntry(r.Start, n))
	}
	if err := dir.Write(image.Pagemap, t.Pid, entries...); err != nil {
		return st, err
	}
	f, err := dir.CreateRaw(image.Pages, pagesID)
	if err != nil {
		return st, err
	}
	if err := copyRuns(f, t.Pid, runs); err != nil {
		f.Close()
		return st, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	return st, f.Close()
}

func pagemapEntry(addr, pages uint64) *image.PagemapEntry {
	flags := uint32(PePresent)
	return &image.PagemapEntry{Vaddr: addr, CompatNrPages: uint32(pages), NrPages: &pages, Flags: &flags}
}

// copyRuns writes the memory of runs to f.
func copyRuns(f *os.File, pid int, runs []Run) error {
	var size uint64
	for _, r := range runs {
		size += r.End - r.Start
	}
	buf := make([]byte, min(size, copyChunk))
	fill := 0
	var remote []unix.RemoteIovec
	flush := func() error {
		if fill == 0 {
			return nil
		}
		if err := readMemory(pid, buf[:fill], remote); err != nil {
			return err
		}
		if _, err := f.Write(buf[:fill]); err != nil {
			return err
		}
		fill, remote = 0, remote[:0]
		return nil
	}
	for _, r := range runs {
		for at := r.Start; at < r.End; {
			n := min(r.End-at, uint64(len(buf)-fill))
			remote = append(remote, unix.RemoteIovec{Base: uintptr(at), Len: int(n)})
			fill += int(n)
			at += n
			if fill == len(buf) || len(remote) == maxIovecs {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// maxIovecs is UIO_MAXIOV.
const maxIovecs = 1024

// readMemory reads a task's memory; what the task itself may not read goes through /proc/PID/mem.
func readMemory(pid int, b []byte, remote []unix.RemoteIovec) error {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{iov}, remote, 0)
	if err == nil && n == len(b) {
		return nil
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer mem.Close()
	for _, r := range remote {
		if _, err := mem.ReadAt(b[:r.Len], int64(r.Base)); err != nil && err != io.EOF {
			return fmt.Errorf("memory at %x: %w", r.Base, err)
		}
		b = b[r.Len:]
	}
	return nil
}
