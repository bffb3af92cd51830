package core

import (
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// born says whether the task of program i of the plan was made: not that somebody else has its PID.
func (r *restore) born(i int) bool {
	if i == 0 {
		return r.rootPid != 0
	}
	return r.births[i].Atomic().Load() != 0
}

// undoLimit bounds the wait for tasks that were killed.
const undoLimit = 10 * time.Second

// undo ends what was made and waits until its PIDs are free.
func (r *restore) undo() {
	if r.rootPid == 0 {
		return
	}
	// Orphans come to us then, so that we know when they are gone. Not so those of a root that is our sibling.
	was, err := linux.SetSubreaper(true)
	if err == nil && !was {
		defer func() { _, _ = linux.SetSubreaper(false) }()
	}
	r.endGuard()
	r.area.Abandon()
	// Makers come first in the plan: nobody makes anything any more after its maker is dead, and has itself been killed by then.
	for i, p := range r.tree.Programs {
		if r.born(i) {
			_ = unix.Kill(p.Pid, unix.SIGKILL)
		}
	}
	end := time.Now().Add(undoLimit)
	for i, p := range r.tree.Programs {
		if r.born(i) {
			_ = unix.Kill(p.Pid, unix.SIGKILL)
			r.reap(p.Pid, end)
		}
	}
}

// reap waits for a task and its threads.
func (r *restore) reap(pid int, end time.Time) {
	for _, m := range r.made {
		if m.task.pid() == pid && !m.leader {
			reap(m.tid, end)
		}
	}
	reap(pid, end)
}

// reap waits until a task that was killed is no tracee and no child of ours any more.
func reap(tid int, end time.Time) {
	for pause := 10 * time.Microsecond; time.Now().Before(end); pause = min(2*pause, time.Millisecond) {
		got, _, err := linux.Wait(tid, true)
		if err != nil {
			return
		}
		if got == 0 {
			time.Sleep(pause)
		}
	}
}
