package core

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/mem"
	"woodfrog/core/stub"
	"woodfrog/core/tree"
	"woodfrog/internal/linux"
)

// planShape plans who makes whom.
func (r *restore) planShape() error {
	in := tree.Input{Root: r.image.tasks[0].pid(), ShellJob: r.o.ShellJob, Spare: r.sparePid}
	for i, t := range r.image.tasks {
		tt := tree.Task{Pid: t.pid(), PPid: int(t.ps.Ppid), Pgid: int(t.ps.Pgid), Sid: int(t.ps.Sid), Zombie: t.zombie()}
		if i == 0 {
			tt.PPid = 0
		}
		if r.image.byPid[tt.Pgid] == nil && in.OutsidePgid == 0 {
			in.OutsidePgid = unix.Getpgrp()
		}
		for _, tid := range t.ps.Threads {
			tt.Threads = append(tt.Threads, int(tid))
		}
		if t.zombie() {
			tt.Status = int(t.core.Tc.ExitCode)
		}
		if s := t.core.Tc.ChildSubreaper; s != nil {
			tt.Subreaper = *s
		}
		in.Tasks = append(in.Tasks, tt)
	}
	var err error
	r.tree, err = tree.New(in)
	return err
}

// planTree lays down the programs of all tasks and threads.
func (r *restore) planTree() error {
	if err := r.planFiles(); err != nil {
		return err
	}
	barriers := make([]stub.Data, r.tree.Barriers)
	for i := range barriers {
		barriers[i] = r.area.Word()
	}
	for _, abi := range r.programABIs() {
		r.programs = append(r.programs, r.area.NewProgram(abi))
		r.births = append(r.births, r.area.Word())
	}
	if err := r.planSpaces(); err != nil {
		return err
	}
	for i, tp := range r.tree.Programs {
		t := r.image.byPid[tp.Pid]
		if tp.Helper {
			t = nil
		}
		if err := r.planTask(i, t, barriers); err != nil {
			return fmt.Errorf("task %d: %w", tp.Pid, err)
		}
	}
	for _, p := range r.programs {
		p.Link()
	}
	for _, m := range r.made {
		if !m.leader { // the leader's is its task's
			m.prog.Link()
		}
	}
	r.planGuard()
	r.area.Trim()
	return r.prepareArrivals()
}

// planTask lays down program i of the tree, of task t, which is nil for one that is there for the time of the restore.
func (r *restore) planTask(i int, t *loadedTask, barriers []stub.Data) error {
	p, tp := r.programs[i], r.tree.Programs[i]
	alive := t != nil && !t.zombie()
	if i == 0 {
		p.Wait(r.seized, 1)
		r.placer.Root(p)
		r.arrive(p, tp.Pid, nil)
	}
	if alive {
		if err := r.newRevival(t); err != nil {
			return err
		}
		if err := r.planMemory(p, t); err != nil {
			return err
		}
	}
	filled := !alive
steps:
	for k, s := range tp.Steps {
		switch s.Op {
		case tree.Clone:
			if !filled && r.inherits[s.Program].Filled {
				filled = true
				if err := r.planFill(p, t); err != nil {
					return err
				}
			}
			child, err := r.way(p, r.programs[s.Program], s.Pid)
			if err != nil {
				return err
			}
			r.clone(p, child, s.Pid, r.placer.CloneFlags(tp.Pid, s.Pid), r.tree.Programs[s.Program].Helper, r.births[s.Program])
		case tree.Setsid:
			p.Call(arch.SysSetsid)
		case tree.Setpgid:
			p.Call(arch.SysSetpgid, s.Pid, s.Pgid)
		case tree.Subreaper:
			subreaper(p, s)
		case tree.Wait:
			p.Wait(barriers[s.Barrier], 1)
		case tree.Signal:
			p.Signal(barriers[s.Barrier])
		case tree.Reap:
			p.Call(arch.SysWait4, s.Pid, 0, unix.WALL, 0)
		case tree.Await:
			p.Call(arch.SysWaitid, unix.P_PID, s.Pid, 0, unix.WEXITED|unix.WNOWAIT|unix.WALL, 0)
		case tree.Exit:
			if t != nil {
				p.Call(arch.SysPrctl, unix.PR_SET_NAME, p.Area.String(t.core.Tc.Comm))
			}
			exit(p, s.Status)
		case tree.Ready:
			t.after = tp.Steps[k+1:] // the barrier is in planThreads
			break steps
		}
	}
	if !filled {
		if err := r.planFill(p, t); err != nil {
			return err
		}
	}
	if alive {
		return r.planRest(p, t)
	}
	return nil
}

func subreaper(p *stub.Program, s tree.Step) {
	on := 0
	if s.On {
		on = 1
	}
	p.Call(arch.SysPrctl, unix.PR_SET_CHILD_SUBREAPER, on)
}

// exit ends a task with a status as wait reports it.
func exit(p *stub.Program, status int) {
	if sig := status & 0x7f; sig != 0 {
		none := p.Area.Bytes(make([]byte, 8))
		p.Call(arch.SysRtSigaction, sig, p.Area.Bytes(make([]byte, 32)), 0, 8).Ignore() // EINVAL for SIGKILL
		p.Call(arch.SysPrctl, unix.PR_SET_DUMPABLE, 0)                                  // no core file
		pid := p.Call(arch.SysGetpid)
		p.Call(arch.SysKill, pid, sig)
		p.Call(arch.SysRtSigprocmask, unix.SIG_SETMASK, none, 0, 8)
	}
	p.Call(arch.SysExitGroup, status>>8&0xff)
}

const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM

// clone appends the making of a task or thread. The kernel writes its PID to birth before it runs.
func (r *restore) clone(p, child *stub.Program, pid int, flags uint64, helper bool, birth stub.Data) {
	args := linux.CloneArgs{Flags: flags | unix.CLONE_PARENT_SETTID, ParentTid: birth.Addr(), SetTid: r.setTid(pid).Addr(), SetTidSize: 1}
	if flags&unix.CLONE_THREAD == 0 && !helper {
		args.ExitSignal = r.exitSignal(pid)
	}
	p.Clone(child, r.area.Bytes(args.Append(nil))).Note("task %d", pid)
}

// setTid is the set_tid of clone3 for one PID namespace.
func (r *restore) setTid(pid int) stub.Data {
	return r.area.Bytes(binary.LittleEndian.AppendUint32(nil, uint32(pid)))
}

// planRest is what follows when memory and children are there.
func (r *restore) planRest(p *stub.Program, t *loadedTask) error {
	t.space.Seal(p)
	exe, err := r.fds.File(t.mm.ExeFileId)
	if err != nil {
		return err
	}
	mem.SetMm(p, t.mm, exe)
	t.revival.Task(p)
	if err := r.placer.Early(p, t.pid()); err != nil {
		return err
	}
	return r.planThreads(p, t)
}
