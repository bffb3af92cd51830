package task

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// CageSize is the room that the stub's area needs for the questions to all threads of t, bytes.
func (t *Task) CageSize() int {
	page := unix.Getpagesize()
	n := 64<<10 + len(t.Threads)*(askSize+1<<10) + (1+settleTries)*t.timersSize()
	for _, th := range t.Threads {
		for _, r := range th.Regs {
			n += len(r)
		}
	}
	if t.Further != nil {
		n += t.Further.Size()
	}
	return (n + page - 1) / page * page
}

// Kill ends all tasks of the tree and waits until they are dead.
func (tr *Tree) Kill() error {
	for _, t := range tr.Tasks {
		if !t.Zombie() {
			if err := unix.Kill(t.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("task %d: kill: %w", t.Pid, err)
			}
		}
	}
	for _, t := range tr.Tasks {
		for i := len(t.Threads) - 1; i >= 0; i-- { // a leader is reaped after its threads
			tr.reap(t.Threads[i].Tid)
		}
		tr.close(t)
	}
	return nil
}

func (tr *Tree) reap(tid int) {
	for {
		_, status, err := linux.Wait(tid, false)
		if err != nil || status.Exited() || status.Signaled() {
			return
		}
	}
}

func (tr *Tree) close(t *Task) {
	if t.Cage != nil && t.Cage.Area != nil {
		t.Cage.Area.Close()
	}
	t.Proc.Close()
}

// Thaw lets all tasks go on as they were, or stops them by SIGSTOP.
func (tr *Tree) Thaw(stop bool) error {
	errs := []error{tr.LeaveCages()}
	for _, t := range tr.Tasks {
		if stop && !t.Zombie() {
			_ = unix.Kill(t.Pid, unix.SIGSTOP)
		}
		for _, th := range t.Threads {
			if th.RseqCS != 0 {
				_ = setRseqCS(th.Tid, th.Rseq.Area, th.RseqCS)
			}
			if err := linux.Detach(th.Tid, 0); err != nil && err != unix.ESRCH {
				errs = append(errs, fmt.Errorf("task %d: thread %d: detach: %w", t.Pid, th.Tid, err))
			}
		}
		tr.close(t)
	}
	return errors.Join(errs...)
}
