package file

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// The owner of a description gets SIGIO or another signal when the file is ready (fcntl(2), F_SETOWN). fdinfo does not show it.

// ownerAnswers are what the task tells about the owner of a description.
type ownerAnswers struct{ owner, signal *stub.Op }

// askSize is the room that the questions about one description take in the stub's area, bytes.
const askSize = 192

// questions are those about the descriptions that were met first in one task.
type questions []*description

// Size is part of task.Further.
func (q questions) Size() int { return len(q) * askSize }

// Ask is part of task.Further.
func (q questions) Ask(p *stub.Program) {
	for _, d := range q {
		d.ask.owner = p.Call(arch.SysFcntl, d.Fd, unix.F_GETOWN).Ignore() // a process group reads like an error
		d.ask.signal = p.Call(arch.SysFcntl, d.Fd, unix.F_GETSIG)
	}
}

// questions are those about the descriptions from the n-th on.
func (tb *Table) questions(n int) task.Further {
	var q questions
	for _, d := range tb.descriptions[n:] {
		if d.Info.Flags&unix.O_PATH == 0 {
			q = append(q, d)
		}
	}
	return q
}

// owners fills in the owners of all descriptions.
func (tb *Table) owners(tree *task.Tree) error {
	for _, d := range tb.descriptions {
		if d.ask.owner == nil {
			continue
		}
		d.fown.Signum = uint32(d.ask.signal.Result())
		if d.ask.owner.Result() == 0 {
			continue
		}
		if err := tb.owner(tree, d); err != nil {
			return fmt.Errorf("task %d: fd %d: %s: %w", d.Task.Pid, d.Fd, d.Link, err)
		}
	}
	return nil
}

func (tb *Table) owner(tree *task.Tree, d *description) error {
	fd, err := tb.steal(d.Descriptor)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	o, err := linux.GetOwner(fd)
	if err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	if o.PID == 0 {
		return nil // it is dead
	}
	if !inTree(tree, o) {
		return fmt.Errorf("its owner (F_SETOWN) is %d, which is not in the tree", o.PID)
	}
	if d.fown.Uid, d.fown.Euid, err = linux.GetOwnerUIDs(fd); err != nil {
		return fmt.Errorf("user of the owner: %w", err)
	}
	d.fown.PidType, d.fown.Pid = uint32(o.Type), uint32(o.PID)
	return nil
}

// inTree says whether a task, thread or process group belongs to the tree.
func inTree(tree *task.Tree, o linux.Owner) bool {
	for _, t := range tree.Tasks {
		switch o.Type {
		case linux.F_OWNER_PGRP:
			if t.Stat.Pgrp == int(o.PID) {
				return true
			}
		case linux.F_OWNER_TID:
			for _, th := range t.Threads {
				if th.Tid == int(o.PID) {
					return true
				}
			}
		default:
			if t.Pid == int(o.PID) {
				return true
			}
		}
	}
	return false
}

// setAsync gives a description what concerns its signals, but for the owner, who need not exist yet.
func (o *Opener) setAsync(fd int, flags uint32, fown *image.FownEntry) error {
	if fown != nil && fown.Signum != 0 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(fown.Signum)); err != nil {
			return fmt.Errorf("signal %d (F_SETSIG): %w", fown.Signum, err)
		}
	}
	if flags&unix.O_ASYNC != 0 {
		// open(2) takes the flag and does nothing about it
		return setFlags(fd, flags)
	}
	return nil
}

// setFlags sets the flags that may change while a file is open.
func setFlags(fd int, flags uint32) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, int(flags)); err != nil {
		return fmt.Errorf("flags %#o (F_SETFL): %w", flags, err)
	}
	return nil
}

// setOwner appends the setting of an owner to the program of a task that holds the file as fd, as the user who did it then.
func setOwner(p *stub.Program, fd uint32, o *image.FownEntry) {
	user := o.Uid != 0 || o.Euid != 0
	if user {
		p.Call(arch.SysSetresuid, o.Uid, o.Euid, 0) // the saved one is the way back
	}
	b := binary.LittleEndian.AppendUint32(nil, o.PidType)
	b = binary.LittleEndian.AppendUint32(b, o.Pid)
	p.Call(arch.SysFcntl, fd, unix.F_SETOWN_EX, p.Area.Bytes(b)).Note("owner of a file")
	if user {
		p.Call(arch.SysSetresuid, 0, 0, 0)
	}
}
