package image

import (
	"errors"
	"fmt"
	"io/fs"
)

// memory reads the address space of a task.
func (l *loader) memory(t *Task) (err error) {
	if t.Mm, err = ReadOne[MmEntry](l.d, Mm, t.Pid()); err != nil {
		return err
	}
	limit, page := l.opt.TaskSize(t.Core()), t.Mm.pageSize(l.opt.PageSize)
	if err := l.checkMm(t.Mm, limit, page); err != nil {
		return fmt.Errorf("%s: %w", Mm.FileName(t.Pid()), err)
	}
	if t.Pagemap, err = ReadPagemap(l.d, Pagemap, t.Pid(), page, limit); err != nil {
		return err
	}
	if err := inAreas(t.Pagemap, t.Mm.Vmas); err != nil {
		return fmt.Errorf("%s: %w", Pagemap.FileName(t.Pid()), err)
	}
	if err := l.tags(t); err != nil {
		return err
	}
	return l.checkParent(Pagemap, t.Pid(), t.Pagemap)
}

// pageSize is that of the kernel that dumped, as it told the task, or unknown.
func (m *MmEntry) pageSize(unknown uint64) uint64 {
	const atPagesz = 6 // AT_PAGESZ
	for i := 0; i+1 < len(m.MmSavedAuxv); i += 2 {
		if n := m.MmSavedAuxv[i+1]; m.MmSavedAuxv[i] == atPagesz && n&(n-1) == 0 && minPage <= n && n <= maxPage {
			return n
		}
	}
	return unknown
}

// Page sizes of Linux (arch/*/Kconfig, PAGE_SIZE_*).
const (
	minPage = 4 << 10
	maxPage = 256 << 10
)

func (l *loader) checkMm(mm *MmEntry, limit, page uint64) error {
	if l.Files[mm.ExeFileId] == nil {
		return fmt.Errorf("exe_file_id: %d: not in %s", mm.ExeFileId, Files)
	}
	if n := len(mm.MmSavedAuxv); n > maxAuxv {
		return fmt.Errorf("mm_saved_auxv: %d words: more than %d", n, maxAuxv)
	}
	for _, f := range []struct {
		name       string
		start, end uint64
	}{
		{"mm_end_code", mm.MmStartCode, mm.MmEndCode}, {"mm_end_data", mm.MmStartData, mm.MmEndData},
		{"mm_brk", mm.MmStartBrk, mm.MmBrk}, {"mm_arg_end", mm.MmArgStart, mm.MmArgEnd},
		{"mm_env_end", mm.MmEnvStart, mm.MmEnvEnd}, {"mm_start_stack", 0, mm.MmStartStack},
	} {
		if f.start > f.end {
			return fmt.Errorf("%s: %#x: below its start %#x", f.name, f.end, f.start)
		}
		if f.end > limit {
			return fmt.Errorf("%s: %#x: beyond %#x", f.name, f.end, limit)
		}
	}
	var at, guard uint64
	for i, v := range mm.Vmas {
		before := &at
		if v.Status&VmaGuard != 0 {
			before = &guard
		}
		if err := l.checkVma(v, *before, limit, page); err != nil {
			return fmt.Errorf("vmas[%d].%w", i, err)
		}
		*before = v.End
	}
	return nil
}

// checkVma checks an area against the end of the one before it.
func (l *loader) checkVma(v *VmaEntry, at, limit, page uint64) error {
	switch {
	case v.Start%page != 0:
		return fmt.Errorf("start: %#x: not on a page boundary", v.Start)
	case v.End%page != 0:
		return fmt.Errorf("end: %#x: not on a page boundary", v.End)
	case v.Start < at:
		return fmt.Errorf("start: %#x: below the end of the area before it, %#x", v.Start, at)
	case v.End <= v.Start:
		return fmt.Errorf("end: %#x: not above start %#x", v.End, v.Start)
	case v.End > limit && v.Status&VmaVsyscall == 0: // which lies in the kernel's half
		return fmt.Errorf("end: %#x: beyond %#x", v.End, limit)
	case v.Status&VmaUnsupported != 0:
		return errors.New("status: an area that its dumper could not make out")
	case v.Status&(VmaFilePrivate|VmaFileShared) != 0 && (v.Shmid > 1<<32-1 || l.Files[uint32(v.Shmid)] == nil):
		return fmt.Errorf("shmid: %d: not in %s", v.Shmid, Files)
	case v.Status&(VmaFilePrivate|VmaFileShared) != 0 && v.Pgoff%page != 0:
		return fmt.Errorf("pgoff: %#x: not on a page boundary", v.Pgoff)
	}
	return nil
}

// inAreas checks that all pages lie in areas, which adjoining ones may share a run of.
func inAreas(pm *PageRuns, vmas []*VmaEntry) error {
	i := 0
	for n, run := range pm.Runs {
		for at := run.Addr; at < run.End; {
			for i < len(vmas) && (vmas[i].End <= at || vmas[i].Status&VmaGuard != 0) {
				i++
			}
			if i == len(vmas) || at < vmas[i].Start {
				return fmt.Errorf("entry %d: vaddr: %#x: in no area", n+1, at)
			}
			at = vmas[i].End
		}
	}
	return nil
}

// checkParent wants parent images for pages that are there.
func (l *loader) checkParent(k Kind, id int, pm *PageRuns) error {
	for i, run := range pm.Runs {
		if run.Flags&PageParent == 0 {
			continue
		}
		p, err := l.d.Parent()
		if err != nil {
			return fault(k, id, "entry %d: flags: in parent: %w", i+1, err)
		}
		return p.Close()
	}
	return nil
}

// shmem reads the contents of shared memory that tasks map or hold open. There is a file for each, even if nothing was ever written to it:
// without it contents are lost. CRIU writes none for what has no size, or is System V's.
func (l *loader) shmem() error {
	var ids []uint64
	mayMiss := map[uint64]bool{}
	page := l.opt.PageSize
	for _, m := range l.Memfds {
		id := uint64(m.Shmid)
		ids = append(ids, id)
		mayMiss[id] = m.Size == 0
	}
	for _, t := range l.Tasks {
		if t.Mm == nil {
			continue
		}
		page = t.Mm.pageSize(page)
		for _, v := range t.Mm.Vmas {
			if v.Status&(VmaAnonShared|VmaSysvIPC) != 0 {
				ids = append(ids, v.Shmid)
				mayMiss[v.Shmid] = mayMiss[v.Shmid] || v.Status&VmaSysvIPC != 0
			}
		}
	}
	l.Shmem = map[uint64]*PageRuns{}
	for _, id := range ids {
		if l.Shmem[id] != nil {
			continue
		}
		pm, err := ReadPagemap(l.d, ShmemPagemap, int(id), page, 1<<63)
		if mayMiss[id] && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := l.checkParent(ShmemPagemap, int(id), pm); err != nil {
			return err
		}
		l.Shmem[id] = pm
	}
	return nil
}
