package core

import (
	"errors"
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

// fewCores are not worth a thread of the engine's own.
const fewCores = 32

// A coreImage is what belongs to a thread, or to a task that has exited.
type coreImage struct {
	tid    int
	thread *task.Thread // nil for a task that has exited
	core   *image.CoreEntry
	rest   *image.XstateEntry // what core has no room for
}

// cores makes them. It reads only what the engine knows.
func (d *dump) cores() ([]coreImage, error) {
	var all []coreImage
	for _, t := range d.tree.Tasks {
		if t.Zombie() {
			all = append(all, coreImage{tid: t.Pid, core: t.DeadEntry(image.March(d.backend.ABIs[0]))})
		}
		for _, th := range t.Threads {
			all = append(all, coreImage{tid: th.Tid, thread: th})
		}
	}
	err := parallel.Do(len(all), fewCores, func(i int) (err error) {
		if c := &all[i]; c.thread != nil {
			if c.core, c.rest, err = c.thread.Entry(d.layout); err != nil {
				return fmt.Errorf("task %d: %w", c.thread.Task.Pid, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	of := map[*task.Thread]*image.CoreEntry{}
	for _, c := range all {
		of[c.thread] = c.core
	}
	for _, t := range d.tree.Tasks {
		if !t.Zombie() {
			d.filters.Seccomp(t, of)
		}
	}
	return all, nil
}

func (d *dump) writeCore(c coreImage) error {
	var err error
	switch {
	case c.rest != nil:
		err = d.dir.Write(image.Xstate, c.tid, c.rest)
	case c.thread != nil && d.layout == nil: // an older dump's would be taken for this one's
		err = d.dir.Remove(image.Xstate, c.tid)
	}
	return errors.Join(err, d.dir.Write(image.Core, c.tid, c.core))
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
