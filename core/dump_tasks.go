package core

import (
	"fmt"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/parallel"
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
	if err := d.dumpFilters(&filters); err != nil {
		return err
	}
	if err := d.files.Write(d.dir); err != nil {
		return err
	}
	return image.WriteAll(d.dir, image.Pstree, 0, pstree)
}

// dumpFilters sees to it that an older dump's are not taken for this one's.
func (d *dump) dumpFilters(filters *task.FilterTable) error {
	if len(filters.Entries) == 0 {
		return d.dir.Remove(image.Seccomp, 0)
	}
	return d.dir.Write(image.Seccomp, 0, &image.SeccompEntry{SeccompFilters: filters.Entries})
}

func (d *dump) dumpThreads(t *task.Task, filters *task.FilterTable) error {
	cores := make([]*image.CoreEntry, len(t.Threads))
	const few = 32
	err := parallel.Do(len(cores), few, func(i int) (err error) {
		th := t.Threads[i]
		var rest *image.XstateEntry
		if cores[i], rest, err = th.Entry(d.layout); err != nil {
			return err
		}
		switch {
		case rest != nil:
			err = d.dir.Write(image.Xstate, th.Tid, rest)
		case d.layout == nil: // an older dump's would be taken for this one's
			err = d.dir.Remove(image.Xstate, th.Tid)
		}
		return err
	})
	if err != nil {
		return err
	}
	filters.Seccomp(t, cores)
	traits, err := t.Traits(d.cpus)
	if err != nil {
		return fmt.Errorf("task %d: %w", t.Pid, err)
	}
	if traits != nil {
		err = d.dir.Write(image.Traits, t.Pid, traits)
	} else { // an older dump's would be taken for this one's
		err = d.dir.Remove(image.Traits, t.Pid)
	}
	if err != nil {
		return err
	}
	return parallel.Do(len(cores), few, func(i int) error {
		return d.dir.Write(image.Core, t.Threads[i].Tid, cores[i])
	})
}
