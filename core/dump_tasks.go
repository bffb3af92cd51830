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

// A coreImage is an image file of a thread, or of a task that has exited.
type coreImage struct {
	tid  int
	core *image.CoreEntry
}

// cores makes what belongs to each thread. It only reads what the engine knows, and /proc.
func (d *dump) cores() ([]coreImage, error) {
	var all []coreImage
	for _, t := range d.tree.Tasks {
		if t.Zombie() {
			all = append(all, coreImage{t.Pid, t.DeadEntry(image.March(d.backend.ABIs[0]))})
			continue
		}
		cores, err := d.threadCores(t)
		if err != nil {
			return nil, fmt.Errorf("task %d: %w", t.Pid, err)
		}
		for i, th := range t.Threads {
			all = append(all, coreImage{th.Tid, cores[i]})
		}
	}
	return all, nil
}

func (d *dump) threadCores(t *task.Task) ([]*image.CoreEntry, error) {
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
	if err == nil {
		d.filters.Seccomp(t, cores)
	}
	return cores, err
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
