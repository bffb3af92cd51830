package task

import (
	"context"
	"errors"
	"fmt"
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
	Limit time.Duration

	byTid map[int]*Thread
}

// Freeze seizes and stops the tree of pid until nothing new turns up. On an error the tasks stopped so far are still held:
// the caller lets go of them by Thaw.
func Freeze(ctx context.Context, pid int, limit time.Duration) (*Tree, error) {
	tr := &Tree{Limit: limit, byTid: map[int]*Thread{}}
	root, err := tr.add(ctx, pid, nil)
	if err != nil {
		return tr, err
	}
	tr.Root = root
	for {
		n := len(tr.Tasks)
		for i := 0; i < len(tr.Tasks); i++ {
			if err := tr.addChildren(ctx, tr.Tasks[i]); err != nil {
				return tr, err
			}
		}
		// a task that died while its parents were already looked at hands its children to a subreaper among them
		if len(tr.Tasks) == n {
			return tr, nil
		}
	}
}

func (tr *Tree) addChildren(ctx context.Context, t *Task) error {
	if t.Zombie() {
		return nil
	}
	for _, th := range t.Threads {
		pids, err := t.Proc.Thread(th.Tid).Children()
		if err != nil {
			return fmt.Errorf("task %d: children: %w", t.Pid, err)
		}
		for _, pid := range pids {
			if tr.Find(pid) != nil {
				continue
			}
			child, err := tr.add(ctx, pid, t)
			if errors.Is(err, ptrace.ErrGone) {
				continue // killed and reaped on the way
			}
			if err != nil {
				return err
			}
			t.Children = append(t.Children, child)
		}
	}
	return nil
}

// Find returns the task of that PID.
func (tr *Tree) Find(pid int) *Task {
	for _, t := range tr.Tasks {
		if t.Pid == pid {
			return t
		}
	}
	return nil
}

func (tr *Tree) add(ctx context.Context, pid int, parent *Task) (*Task, error) {
	proc, err := procfs.Open(procfs.Root, pid)
	if err != nil {
		return nil, fmt.Errorf("task %d: %w", pid, notExist(err))
	}
	t := &Task{Pid: pid, Proc: proc, Parent: parent}
	if t.Stat, err = proc.Stat(); err != nil {
		proc.Close()
		return nil, fmt.Errorf("task %d: %w", pid, notExist(err))
	}
	if t.Zombie() {
		tr.Tasks = append(tr.Tasks, t)
		return t, nil
	}
	tr.Tasks = append(tr.Tasks, t)
	if err := tr.stopThreads(ctx, t); err != nil {
		return nil, err
	}
	// only now do they stay as they are
	if t.Stat, err = proc.Stat(); err != nil {
		return nil, err
	}
	if t.Status, err = proc.Status(); err != nil {
		return nil, err
	}
	return t, nil
}

// stopThreads seizes all threads of t: interrupt all, then wait for all, until no new one turns up.
func (tr *Tree) stopThreads(ctx context.Context, t *Task) error {
	for {
		tids, err := t.Proc.Threads()
		if err != nil {
			return fmt.Errorf("task %d: %w", t.Pid, notExist(err))
		}
		var fresh []*Thread
		for _, tid := range tids {
			if tr.byTid[tid] != nil {
				continue
			}
			if err := seize(tid); err != nil {
				if errors.Is(err, unix.ESRCH) {
					continue // a thread that ends is no thread of the image
				}
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, tid, err)
			}
			th := &Thread{Tid: tid, Task: t}
			tr.byTid[tid] = th
			if tid == t.Pid {
				t.Threads = append([]*Thread{th}, t.Threads...)
			} else {
				t.Threads = append(t.Threads, th)
			}
			fresh = append(fresh, th)
			if err := linux.Interrupt(tid); err != nil && err != unix.ESRCH {
				return fmt.Errorf("task %d: thread %d: interrupt: %w", t.Pid, tid, err)
			}
		}
		if len(fresh) == 0 {
			break
		}
		for _, th := range fresh {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			stop, err := ptrace.WaitInterrupt(th.Tid, tr.Limit)
			switch {
			case errors.Is(err, ptrace.ErrGone):
				tr.drop(th)
			case errors.Is(err, unix.ETIMEDOUT):
				return fmt.Errorf("task %d: thread %d: does not stop within %s (waiting in the kernel, as the parent of a vfork does?)", t.Pid, th.Tid, tr.Limit)
			case err != nil:
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			case stop.GroupStop():
				t.Stopped = stop.Signal
			}
		}
	}
	if len(t.Threads) == 0 {
		return fmt.Errorf("task %d: %w", t.Pid, ptrace.ErrGone)
	}
	return nil
}

func (tr *Tree) drop(th *Thread) {
	delete(tr.byTid, th.Tid)
	for i, x := range th.Task.Threads {
		if x == th {
			th.Task.Threads = append(th.Task.Threads[:i], th.Task.Threads[i+1:]...)
			return
		}
	}
}

// seize attaches with the options that calls by hand need.
func seize(tid int) error {
	err := linux.Seize(tid, unix.PTRACE_O_TRACESYSGOOD)
	if err == unix.EPERM {
		return fmt.Errorf("seize: %w (already traced, or not ours to trace)", err)
	}
	if err != nil {
		return fmt.Errorf("seize: %w", err)
	}
	return nil
}

func notExist(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return ptrace.ErrGone
	}
	return err
}
