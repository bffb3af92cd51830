package core

import (
	"fmt"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/parallel"
)

// dumpTasks writes the process tree and what belongs to its tasks.
func (d *dump) dumpTasks() error {
	var pstree []*image.PstreeEntry
	for i, t := range d.tree.Tasks {
		p := &image.PstreeEntry{Pid: uint32(t.Pid), Pgid: uint32(t.Stat.Pgrp), Sid: uint32(t.Stat.Session)}
		if t.Parent != nil {
			p.Ppid = uint32(t.Parent.Pid)
		}
		pstree = append(pstree, p)
		if t.Zombie() {
			p.Threads = []uint32{p.Pid}
			continue
		}
		for _, th := range t.Threads {
			p.Threads = append(p.Threads, uint32(th.Tid))
		}
		if err := d.dumpTraits(t); err != nil {
			return err
		}
		n := uint32(i + 1)
		ids := kobjIDs(n, d.files.FilesID(t), d.fsIDs[t], n)
		if err := d.dir.Write(image.Ids, t.Pid, ids); err != nil {
			return err
		}
	}
	if err := d.dumpFilters(); err != nil {
		return err
	}
	if err := d.dumpCPU(); err != nil {
		return err
	}
	if err := d.files.Write(d.dir); err != nil {
		return err
	}
	return image.WriteAll(d.dir, image.Pstree, 0, pstree)
}

// dumpFilters sees to it that an older dump's are not taken for this one's.
func (d *dump) dumpFilters() error {
	if len(d.filters.Entries) == 0 {
		return d.dir.Remove(image.Seccomp, 0)
	}
	return d.dir.Write(image.Seccomp, 0, &image.SeccompEntry{SeccompFilters: d.filters.Entries})
}

// dumpCPU tells of the processor if that was asked for. An older dump's would be taken for this one's.
func (d *dump) dumpCPU() error {
	if d.o.CPUCap&CPUCapImage == 0 || d.backend.CPU == nil {
		return d.dir.Remove(image.Cpuinfo, 0)
	}
	return d.dir.Write(image.Cpuinfo, 0, image.CPUEntry(d.backend.CPU()))
}

// cores makes what belongs to each thread, and to tasks that have exited, with their TIDs. It only reads what the engine knows, and /proc.
func (d *dump) cores() (tids []int, cores []*image.CoreEntry, err error) {
	var threads []*task.Thread // nil for a task that has exited
	for _, t := range d.tree.Tasks {
		if t.Zombie() {
			tids, threads = append(tids, t.Pid), append(threads, nil)
			cores = append(cores, t.DeadEntry(image.March(d.backend.ABIs[0])))
			continue
		}
		for _, th := range t.Threads {
			tids, threads = append(tids, th.Tid), append(threads, th)
			cores = append(cores, nil)
		}
	}
	err = parallel.Do(len(cores), fewCores, func(i int) (err error) {
		if th := threads[i]; th != nil {
			if cores[i], err = d.threadCore(th); err != nil {
				return fmt.Errorf("task %d: %w", th.Task.Pid, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for at := 0; at < len(cores); at++ {
		if th := threads[at]; th != nil && th == th.Task.Leader() {
			d.filters.Seccomp(th.Task, cores[at:at+len(th.Task.Threads)])
		}
	}
	return tids, cores, nil
}

// fewCores are not worth a thread of the engine's own.
const fewCores = 32

func (d *dump) threadCore(th *task.Thread) (*image.CoreEntry, error) {
	core, rest, err := th.Entry(d.layout)
	switch {
	case err != nil:
	case rest != nil:
		err = d.dir.Write(image.Xstate, th.Tid, rest)
	case d.layout == nil: // an older dump's would be taken for this one's
		err = d.dir.Remove(image.Xstate, th.Tid)
	}
	return core, err
}

func (d *dump) dumpTraits(t *task.Task) error {
	traits, err := t.Traits(d.cpus)
	if err != nil {
		return fmt.Errorf("task %d: %w", t.Pid, err)
	}
	if traits != nil {
		return d.dir.Write(image.Traits, t.Pid, traits)
	}
	return d.dir.Remove(image.Traits, t.Pid) // an older dump's would be taken for this one's
}
