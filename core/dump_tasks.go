package core

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"woodfrog/core/image"
	"woodfrog/core/task"
)

// dumpTasks writes the process tree and what belongs to its tasks and threads.
func (d *dump) dumpTasks() error {
	var pstree []*image.PstreeEntry
	var filters task.FilterTable
	for i, t := range d.tree.Tasks {
		p := &image.PstreeEntry{Pid: uint32(t.Pid), Pgid: uint32(t.Stat.Pgrp), Sid: uint32(t.Stat.Session)}
		if t.Parent != nil {
			p.Ppid = uint32(t.Parent.Pid)
		}
		pstree = append(pstree, p)
		if t.Zombie() {
			p.Threads = []uint32{p.Pid}
			if err := d.dir.Write(image.Core, t.Pid, t.DeadEntry(image.March(d.backend.ABIs[0]))); err != nil {
				return err
			}
			continue
		}
		for _, th := range t.Threads {
			p.Threads = append(p.Threads, uint32(th.Tid))
		}
		if err := d.dumpThreads(t, &filters); err != nil {
			return fmt.Errorf("task %d: %w", t.Pid, err)
		}
		n := uint32(i + 1)
		ids := kobjIDs(n, d.files.FilesID(t), d.fsIDs[t], n)
		if err := d.dir.Write(image.Ids, t.Pid, ids); err != nil {
			return err
		}
	}
	if err := d.dir.Write(image.Seccomp, 0, &image.SeccompEntry{SeccompFilters: filters.Entries}); err != nil {
		return err
	}
	if err := d.files.Write(d.dir); err != nil {
		return err
	}
	return image.WriteAll(d.dir, image.Pstree, 0, pstree)
}

func (d *dump) dumpThreads(t *task.Task, filters *task.FilterTable) error {
	cores := make([]*image.CoreEntry, len(t.Threads))
	for i, th := range t.Threads {
		var rest *image.XstateEntry
		var err error
		if cores[i], rest, err = th.Entry(d.layout); err != nil {
			return err
		}
		if rest != nil {
			if err := d.dir.Write(image.Xstate, th.Tid, rest); err != nil {
				return err
			}
		}
	}
	filters.Seccomp(t, cores)
	if traits := t.Traits(); traits != nil {
		if err := d.dir.Write(image.Traits, t.Pid, traits); err != nil {
			return err
		}
	}
	return inParallel(len(cores), func(i int) error {
		return d.dir.Write(image.Core, t.Threads[i].Tid, cores[i])
	})
}

// inParallel calls f for 0 to n-1, on all processors if it is many times, and returns the first error.
func inParallel(n int, f func(i int) error) error {
	const many = 32 // below that, starting threads costs more
	workers := 1
	if n >= many {
		workers = runtime.GOMAXPROCS(0)
	}
	return inParallelBy(workers, n, f)
}

// inParallelBy is inParallel by so many threads at most, one of them the caller's.
func inParallelBy(workers, n int, f func(i int) error) error {
	workers = max(1, min(workers, n))
	var next atomic.Int64
	errs := make([]error, workers)
	var wg sync.WaitGroup
	work := func(w int) {
		for i := next.Add(1) - 1; i < int64(n) && errs[w] == nil; i = next.Add(1) - 1 {
			errs[w] = f(int(i))
		}
	}
	for w := 1; w < workers; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
	return errors.Join(errs...)
}
