package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// Tree is a frozen tree of tasks.
type Tree struct {
	Root  *Task
	Tasks []*Task // parents before their children

	deadline time.Time
	byPid    map[int]*Task
	byTid    map[int]*Thread
	loose    []*Thread
	died     bool // a task that its stopped parent still had was dead when it was looked at
}

// Freeze seizes and stops the tree of pid until nothing new turns up. On an error the tasks stopped so far are still held:
// the caller lets go of them by Thaw.
func Freeze(ctx context.Context, pid int, limit time.Duration) (*Tree, error) {
	tr := &Tree{deadline: time.Now().Add(limit), byPid: map[int]*Task{}, byTid: map[int]*Thread{}}
	// waits for stops are short naps, which the default slack of 50 us would make long
	if unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // the default again
	}
	root, err := tr.open(pid, nil)
	if err != nil {
		return tr, err
	}
	tr.Root = root
	return tr, tr.grow(ctx, []*Task{root})
}

// grow stops fresh tasks and what is below them, until nothing new turns up.
func (tr *Tree) grow(ctx context.Context, fresh []*Task) error {
	for len(fresh) > 0 {
		if err := tr.stop(ctx, fresh); err != nil {
			return err
		}
		if tr.byPid[tr.Root.Pid] == nil || tr.Root.Zombie() {
			return fmt.Errorf("task %d: %w", tr.Root.Pid, ptrace.ErrGone)
		}
		var err error
		if fresh, err = tr.children(fresh, false); err != nil {
			return err
		}
		// A stopped task reaps nobody, so its children stay listed. It gets others while there are tasks below it that run: what one leaves
		// that dies goes to the first thread of a subreaper above (kernel/exit.c, find_new_reaper), even if nothing of it was ever seen.
		if len(fresh) == 0 && (tr.died || len(tr.Tasks) > 1) {
			tr.died = false
			if fresh, err = tr.children(tr.parentsLast(), true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tr *Tree) open(pid int, parent *Task) (*Task, error) {
	proc, err := procfs.Open(procfs.Root, pid)
	if err != nil {
		return nil, fmt.Errorf("task %d: %w", pid, notExist(err))
	}
	t := &Task{Pid: pid, Proc: proc, Parent: parent}
	tr.Tasks = append(tr.Tasks, t)
	tr.byPid[pid] = t
	return t, nil
}

// parentsLast is the order in which to look for what may be handed on to those above.
func (tr *Tree) parentsLast() []*Task {
	tasks := slices.Clone(tr.Tasks)
	slices.Reverse(tasks)
	return tasks
}

// Find returns the task of that PID.
func (tr *Tree) Find(pid int) *Task { return tr.byPid[pid] }

// Holds says whether that is the PID or TID of a task or thread in the tree.
func (tr *Tree) Holds(tid int) bool { return tr.byPid[tid] != nil || tr.byTid[tid] != nil }

// children opens the tasks that are children of those and are not in the tree yet.
func (tr *Tree) children(of []*Task, leadersOnly bool) ([]*Task, error) {
	var fresh []*Task
	for _, t := range of {
		if t.Zombie() || tr.byPid[t.Pid] != t {
			continue
		}
		pids, err := t.children(leadersOnly)
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			if tr.byPid[pid] != nil {
				continue
			}
			child, err := tr.open(pid, t)
			if errors.Is(err, ptrace.ErrGone) { // its parent has the kernel reap
				tr.died = true
				continue
			}
			if err != nil {
				return nil, err
			}
			t.Children = append(t.Children, child)
			fresh = append(fresh, child)
		}
	}
	return fresh, nil
}

// children are the PIDs of a task's children.
func (t *Task) children(leadersOnly bool) ([]int, error) {
	if leadersOnly {
		return t.Proc.Thread(t.Pid).Children()
	}
	if len(t.Threads) >= manyThreads {
		proc, err := procfs.OpenProc(procfs.Root)
		if err != nil {
			return nil, err
		}
		defer proc.Close()
		if families, err := proc.Families(len(t.Threads)); families != nil || err != nil {
			return families[t.Pid], err
		}
	}
	lists := make([][]int, len(t.Threads))
	err := t.inParts(func(first int, threads []*Thread) (err error) {
		for i, th := range threads {
			if lists[first+i], err = t.Proc.Thread(th.Tid).Children(); err != nil {
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			}
		}
		return nil
	})
	return slices.Concat(lists...), err
}

// stop seizes all threads of the tasks: interrupts all, then waits for all, until each has as many as the kernel counts.
func (tr *Tree) stop(ctx context.Context, tasks []*Task) error {
	var threads []*Thread
	for _, t := range tasks {
		th, err := tr.seize(t, t.Pid)
		if err != nil {
			return err
		}
		threads = append(threads, th...)
	}
	for pending := tasks; len(pending) > 0; {
		if err := tr.wait(ctx, threads); err != nil {
			return err
		}
		threads = threads[:0]
		var again []*Task
		for _, t := range pending {
			th, err := tr.rest(t)
			if err != nil {
				return err
			}
			if len(th) > 0 {
				threads, again = append(threads, th...), append(again, t)
			}
		}
		pending = again
	}
	return nil
}

// rest seizes the threads of t that are not seized yet. If there are none, t is complete.
func (tr *Tree) rest(t *Task) ([]*Thread, error) {
	var err error
	if t.Stat, err = t.Proc.Stat(); err != nil {
		if err := notExist(err); !errors.Is(err, ptrace.ErrGone) {
			return nil, err
		}
		tr.forget(t)
		return nil, nil
	}
	if !t.Zombie() && t.Stat.NumThreads == len(t.Threads) {
		return nil, t.complete()
	}
	tids, err := t.Proc.Threads()
	if err != nil {
		return nil, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	var fresh []*Thread
	for _, tid := range tids {
		if tr.byTid[tid] == nil && (tid != t.Pid || !t.Zombie()) {
			th, err := tr.seize(t, tid)
			if err != nil {
				return nil, err
			}
			fresh = append(fresh, th...)
		}
	}
	switch {
	case len(fresh) > 0:
		return fresh, nil
	case !t.Zombie():
		return nil, t.complete()
	case len(t.Threads) > 0:
		return nil, fmt.Errorf("task %d: its leader has exited, thread %d lives on: not served", t.Pid, t.Threads[0].Tid)
	}
	tr.died = true
	return nil, nil
}

// complete is called when all threads of t are stopped.
func (t *Task) complete() error {
	if len(t.Threads) == 0 || t.Threads[0].Tid != t.Pid {
		return fmt.Errorf("task %d: its leader is exiting: not served", t.Pid)
	}
	var err error
	if t.Status, err = t.Proc.Status(); err != nil {
		return err
	}
	return nil
}

// forget takes a task out of the tree that the kernel has reaped.
func (tr *Tree) forget(t *Task) {
	tr.died = true
	t.Proc.Close()
	delete(tr.byPid, t.Pid)
	tr.Tasks = slices.DeleteFunc(tr.Tasks, func(x *Task) bool { return x == t })
	if p := t.Parent; p != nil {
		p.Children = slices.DeleteFunc(p.Children, func(x *Task) bool { return x == t })
	}
}

// seize attaches to a thread, with the options that calls by hand need, and interrupts it. A thread that is exiting gives none.
func (tr *Tree) seize(t *Task, tid int) ([]*Thread, error) {
	err := linux.Seize(tid, seizeOptions)
	if err == nil {
		err = linux.Interrupt(tid)
	}
	switch err {
	case nil:
	case unix.ESRCH:
		return nil, nil
	case unix.EPERM:
		status, e := t.Proc.Thread(tid).Status()
		switch {
		case e != nil && errors.Is(notExist(e), ptrace.ErrGone), e == nil && (status.State == 'Z' || status.State == 'X'):
			return nil, nil
		case e == nil && status.TracerPID != 0:
			return nil, &TracedError{t.Pid, tid, status.TracerPID}
		}
		fallthrough
	default:
		return nil, fmt.Errorf("task %d: thread %d: seize: %w", t.Pid, tid, err)
	}
	th := &Thread{Tid: tid, Task: t}
	tr.byTid[tid] = th
	if tid == t.Pid {
		t.Threads = append([]*Thread{th}, t.Threads...)
	} else {
		t.Threads = append(t.Threads, th)
	}
	return []*Thread{th}, nil
}

const seizeOptions = unix.PTRACE_O_TRACESYSGOOD

// A TracedError says that a thread has a tracer already.
type TracedError struct{ Pid, Tid, Tracer int }

func (e *TracedError) Error() string {
	return fmt.Sprintf("task %d: thread %d: process %d traces it already", e.Pid, e.Tid, e.Tracer)
}

// wait waits until all threads are stopped; it drops those that end.
func (tr *Tree) wait(ctx context.Context, threads []*Thread) error {
	const slice = 100 * time.Millisecond // how often the context is asked
	for _, th := range threads {
		for done := false; !done; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			stop, err := ptrace.WaitInterrupt(th.Tid, min(slice, max(0, time.Until(tr.deadline))))
			switch {
			case errors.Is(err, unix.ETIMEDOUT) && time.Now().Before(tr.deadline):
				continue
			case errors.Is(err, unix.ETIMEDOUT):
				return fmt.Errorf("task %d: thread %d: does not stop in time (waiting in the kernel, as the parent of a vfork does?)", th.Task.Pid, th.Tid)
			case errors.Is(err, ptrace.ErrGone):
				tr.drop(th)
			case err != nil:
				return fmt.Errorf("task %d: thread %d: %w", th.Task.Pid, th.Tid, err)
			}
			th.Task.noteStop(stop)
			th.stopped, done = true, true
		}
	}
	return nil
}

// noteStop keeps the signal of job control that a thread reports.
func (t *Task) noteStop(s ptrace.Stop) {
	switch {
	case !s.GroupStop():
	case s.Signal != 0:
		t.Stopped = s.Signal
	case t.Stopped == 0:
		t.Stopped = unix.SIGSTOP
	}
}

func (tr *Tree) drop(th *Thread) {
	delete(tr.byTid, th.Tid)
	th.Task.Threads = slices.DeleteFunc(th.Task.Threads, func(x *Thread) bool { return x == th })
}

func notExist(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return ptrace.ErrGone
	}
	return err
}
