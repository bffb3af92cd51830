package core

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/preflight"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// engineProperties reads what tasks inherit from the engine.
func (r *restore) engineProperties() error {
	self := procfs.Self(linux.Pid())
	var err error
	if r.engine, err = self.Status(); errors.Is(err, fs.ErrNotExist) {
		return preflight.NoProc
	}
	if err != nil {
		return err
	}
	bits, err := unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	v := &r.reviver
	if v.Creds = task.AfterExec(&r.engine, uint32(bits)); v.Lacks(r.engine.CapEff) {
		r.lends = r.engine.CapPrm & (r.engine.CapInh | r.engine.CapBnd)
		ambient := r.engine
		ambient.CapInh |= r.lends
		ambient.CapAmb |= r.lends
		v.Creds = task.AfterExec(&ambient, uint32(bits))
	}
	v.Ignored = r.engine.SigIgn
	if err := v.Inherit(); err != nil {
		return err
	}
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	v.Slack = uint64(slack)
	v.NoTHP = r.engine.THPEnabled.Present && !r.engine.THPEnabled.Value
	limits, err := self.Limits()
	if err != nil {
		return err
	}
	for i, l := range limits {
		v.Limits[i] = unix.Rlimit{Cur: l.Soft, Max: l.Hard}
	}
	adj, err := self.OOMScoreAdj()
	if err != nil {
		return err
	}
	v.OOMScoreAdj = int32(adj)
	if v.CoreFilter, err = self.CoredumpFilter(); err != nil {
		return err
	}
	if v.Loginuid, err = self.Loginuid(); err != nil { // without CONFIG_AUDIT nobody has one
		v.Loginuid = ^uint32(0)
	}
	return nil
}

// obstacles lists what keeps the engine from giving the tasks of the image their properties.
func (r *restore) obstacles() Obstacles {
	var list Obstacles
	for _, t := range r.image.tasks {
		if t.zombie() {
			continue
		}
		for _, name := range r.reviver.Unreachable(t.core) {
			list = append(list, Obstacle{Pid: t.pid(), Thing: "limit " + name, Cause: "above the hard limit of the engine, which may not raise it",
				Remedy: "restore with CAP_SYS_RESOURCE, or raise the limit of the shell (ulimit -H) before"})
		}
		for _, th := range t.threads {
			if tc := th.core.ThreadCore; tc != nil && tc.Creds != nil {
				if missing := r.reviver.CredsTake(tc.Creds); missing != 0 {
					list = append(list, Obstacle{Pid: t.pid(), Thing: "credentials", Cause: "differ from those of woodfrog, which lacks " + preflight.CapNames(missing) + " to change them",
						Remedy: "give it " + preflight.CapNames(missing)})
					break // one line a task is enough
				}
			}
		}
		if t.traits != nil && t.traits.MDWE != nil {
			if a, _ := r.facts.Ask(kerndat.MDWE); a == kerndat.No {
				list = append(list, Obstacle{Pid: t.pid(), Thing: "memory", Cause: "what it has written it must not execute (PR_SET_MDWE): this kernel cannot see to that",
					Remedy: "restore on " + kerndat.MDWE.Needs() + " or later"})
			}
		}
		timers := t.core.Tc.Timers
		if timers == nil || len(timers.Posix) == 0 {
			continue
		}
		if r.reviver.TimerIDs {
			continue
		}
		if a, _ := r.facts.Ask(kerndat.TimerCRIDs); a == kerndat.Yes {
			r.reviver.TimerIDs = true
			continue
		}
		if slices.ContainsFunc(timers.Posix, func(e *image.PosixTimerEntry) bool { return e.ItId > task.MaxTimerID }) {
			list = append(list, Obstacle{Pid: t.pid(), Thing: "POSIX timers", Cause: fmt.Sprintf("an id above %d", task.MaxTimerID),
				Remedy: "restore on " + kerndat.TimerCRIDs.Needs() + " or later"})
		}
	}
	return list
}

// newRevival prepares the return of what belongs to a task rather than to its memory or files.
func (r *restore) newRevival(t *loadedTask) error {
	v := &task.Revival{Reviver: &r.reviver, Pid: t.pid(), Mm: t.mm, Filters: r.image.seccomp, Proc: -1}
	v.Traits = t.traits
	v.Alone = len(r.tree.Programs) == 1
	v.Leaves = t == r.image.tasks[0] && r.o.RestoreDetached && !r.o.RestoreSibling
	for _, th := range t.threads {
		v.Tids, v.Cores = append(v.Tids, th.tid), append(v.Cores, th.core)
	}
	if len(v.Tids) == 0 || v.Tids[0] != t.pid() {
		return errors.New("threads: the leader is not the first")
	}
	if v.NeedsProc() {
		var err error
		if v.Proc, err = r.procFd(); err != nil {
			return err
		}
	}
	v.StopsChildren = len(t.core.Tc.Sigactions) > 0 && slices.ContainsFunc(r.image.tasks, func(c *loadedTask) bool {
		return int(c.ps.Ppid) == t.pid() && !c.zombie() && (r.o.LeaveStopped || task.StopSignal(c.core) != 0)
	})
	t.revival = v
	return v.Prepare(r.area)
}

// procFd is a descriptor of /proc in all tasks.
func (r *restore) procFd() (int, error) {
	if r.proc != 0 {
		return r.proc, nil
	}
	fd, err := unix.Open(procfs.Root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", procfs.Root, err)
	}
	r.proc, err = r.fds.take(fd)
	return r.proc, err
}

// exitSignal is the signal that a task of the image sends its parent at its end.
func (r *restore) exitSignal(pid int) uint64 {
	if t := r.image.byPid[pid]; t != nil && t.traits != nil && t.traits.ExitSignal != nil {
		return uint64(*t.traits.ExitSignal)
	}
	return uint64(unix.SIGCHLD)
}

// lone says that there is one thread in all, which need not wait for others.
func (r *restore) lone() bool {
	return len(r.tree.Programs) == 1 && len(r.image.tasks) == 1 && len(r.image.tasks[0].threads) == 1
}

// planThreads makes the threads of t and is all that its threads do from then on.
func (r *restore) planThreads(p *stub.Program, t *loadedTask) error {
	all := make([]*made, len(t.threads))
	for i, th := range t.threads {
		m := &made{tid: th.tid, task: t, core: th.core, rest: th.rest, leader: i == 0, prog: p}
		if !m.leader {
			m.prog = r.area.NewProgram(t.abi)
			r.clone(p, m.prog, th.tid, threadFlags, false, r.area.Word())
		}
		all[i] = m
	}
	for i, m := range all {
		t.revival.Early(m.prog, i)
		if !r.lone() {
			if i == len(all)-1 {
				m.prog.Signal(r.ready)
			} else {
				m.prog.Add(r.ready, 1) // a wake for each of many threads would cost more than all the rest
			}
			m.prog.Wait(r.goOn, 1)
		}
		if m.leader {
			for _, s := range t.after {
				subreaper(m.prog, s)
			}
			r.placer.Late(m.prog, t.pid())
		}
		t.revival.Late(m.prog, i)
	}
	r.made = append(r.made, all...)
	return nil
}

// seizeOptionsOf are the options for the tracing of a thread that is restored: its filters are asleep until it is let go. The
// leader's see to it that the task dies with the engine.
func seizeOptionsOf(m *made) uintptr {
	options := uintptr(unix.PTRACE_O_TRACESYSGOOD)
	if m.leader {
		options |= unix.PTRACE_O_EXITKILL
	}
	for _, th := range m.task.threads {
		if task.Filtered(th.core) {
			return options | unix.PTRACE_O_SUSPEND_SECCOMP
		}
	}
	return options
}
