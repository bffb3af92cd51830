package core

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/mem"
	"woodfrog/core/task"
	"woodfrog/internal/parallel"
)

// mm is the address space of a task that is dumped.
type mm struct {
	task    *task.Task
	entry   *image.MmEntry
	vmas    []mem.Vma
	pagesID int
}

// muchMemory is how much own memory the tasks must have for several threads to dump it, bytes.
const muchMemory = 16 << 20

// dumpMemory dumps the address spaces, several at once if they are many or large; then the memory that tasks share. The images of threads
// are written meanwhile if they are many.
func (d *dump) dumpMemory() (err error) {
	start := time.Now()
	cores, err := d.cores()
	if err != nil {
		return err
	}
	written := parallel.Begin(len(cores), fewCores, func(i int) error { return d.writeCore(cores[i]) })
	defer func() { err = errors.Join(err, written()) }()
	var here, anywhere []*mm
	var size uint64
	for i, t := range d.tree.Tasks {
		if t.Zombie() {
			continue
		}
		m := &mm{task: t, pagesID: i + 1}
		if err := d.describe(m); err != nil {
			return err
		}
		if hidden, own := ownMemory(t); hidden {
			here = append(here, m)
		} else {
			anywhere = append(anywhere, m)
			size += own
		}
	}
	d.progress.of(int64(len(here) + len(anywhere)))
	var counting sync.Mutex
	pages := func(m *mm) error {
		st, guards, err := mem.DumpPages(d.dir, m.task, m.vmas, m.pagesID)
		if err != nil {
			return err
		}
		counting.Lock()
		d.stats.PagesScanned += st.Scanned
		d.stats.PagesWritten += st.Written
		d.progress.add(1)
		counting.Unlock()
		m.entry.Vmas = append(m.entry.Vmas, guards...)
		return d.dir.Write(image.Mm, m.task.Pid, m.entry)
	}
	for _, m := range here {
		if err := pages(m); err != nil {
			return err
		}
	}
	few := 32
	if size >= muchMemory {
		few = 2
	}
	all := func() error {
		return parallel.Do(len(anywhere), few, func(i int) error { return pages(anywhere[i]) })
	}
	if len(anywhere) < few {
		err = all()
	} else {
		err = d.tree.Apart(all)
	}
	if err != nil {
		return err
	}
	st, err := d.shmem.Dump(d.dir, len(d.tree.Tasks)+1)
	d.stats.ShpagesScanned, d.stats.ShpagesWritten = st.Scanned, st.Written
	d.stats.MemWrite = time.Since(start)
	return err
}

// describe fills in what m's image says beside its pages.
func (d *dump) describe(m *mm) (err error) {
	if m.vmas, err = mem.Areas(m.task, d.files); err != nil {
		return err
	}
	if m.entry, err = m.task.MmEntry(); err != nil {
		return err
	}
	if m.entry.ExeFileId, err = d.files.Exe(m.task); err != nil {
		return fmt.Errorf("task %d: %w", m.task.Pid, err)
	}
	for _, v := range m.vmas {
		m.entry.Vmas = append(m.entry.Vmas, v.Entry)
	}
	if image.UnusualProt(m.entry.Vmas) == 0 {
		return nil // nobody would look for tags
	}
	return d.dir.Write(image.Tags, m.task.Pid, &image.TagsEntry{Runs: d.tags[m.task]})
}

// ownMemory is the size of t's own memory, and whether some of it is hidden from t itself: only the tracer's own thread may read
// that where the kernel is strict about it (CONFIG_PROC_MEM_FORCE_PTRACE, since Linux 6.12).
func ownMemory(t *task.Task) (hidden bool, size uint64) {
	for i := range t.Areas {
		a := &t.Areas[i]
		size += a.Anonymous
		hidden = hidden || a.Prot&unix.PROT_READ == 0 && a.Anonymous+a.Swap > 0
	}
	return hidden, size
}
