package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

const (
	// slips is how often the threads of a task are let run to leave the vDSO, each time for slipPause: a function of it takes a
	// thousandth of that, and even a program that calls nothing else is outside for a part of the time.
	slips     = 60
	slipPause = 20 * time.Microsecond
)

// SlipOut lets threads that are inside the vDSO run for a moment, until none is inside. It says whether any has run: then there may
// be new threads, children and areas. What is inside after many tries, and what job control has stopped, is left to LeaveVDSO, whose way is
// surer and deadlier: a thread whose engine is killed in the middle of a single step dies of the SIGTRAP.
func (tr *Tree) SlipOut(t *Task) (ran bool, err error) {
	if len(t.vdsoCode()) == 0 || t.Stopped != 0 {
		return false, nil
	}
	for ; t.slipped < slips; t.slipped++ {
		in, err := t.threadsInside()
		if err != nil || len(in) == 0 {
			return ran, err
		}
		ran = true
		for _, th := range in {
			err := th.slip()
			if errors.Is(err, ptrace.ErrGone) {
				tr.drop(th)
				continue
			}
			if err != nil {
				return ran, fmt.Errorf("task %d: thread %d: on the way out of the vDSO: %w", t.Pid, th.Tid, err)
			}
		}
	}
	return ran, nil
}

func (t *Task) threadsInside() ([]*Thread, error) {
	var in []*Thread
	for _, th := range t.Threads {
		gpr, err := th.registers()
		if err != nil {
			return nil, fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
		if t.insideVDSO(gpr) {
			in = append(in, th)
		}
	}
	return in, nil
}

func (th *Thread) slip() error {
	if err := linux.Cont(th.Tid, 0); err != nil {
		return err
	}
	th.stopped = false
	th.runs()
	ts := unix.NsecToTimespec(int64(slipPause))
	_ = unix.Nanosleep(&ts, nil)
	if err := linux.Interrupt(th.Tid); err != nil {
		return err
	}
	stop, err := ptrace.WaitInterrupt(th.Tid, stopLimit)
	if err != nil {
		return err
	}
	th.stopped = true
	th.Task.noteStop(stop)
	return nil
}

// Again looks for threads and children that tasks have made since they were frozen, as one that slipped out of the vDSO may have, and
// stops them. It may have sent signals, too.
func (tr *Tree) Again(ctx context.Context) error {
	var live []*Task
	for _, t := range tr.Tasks {
		for _, th := range t.Threads {
			th.told = false
		}
		if !t.Zombie() {
			live = append(live, t)
		}
	}
	for len(live) > 0 {
		var threads []*Thread
		var again []*Task
		for _, t := range live {
			fresh, err := tr.rest(t)
			if err != nil {
				return err
			}
			if len(fresh) > 0 {
				threads, again = append(threads, fresh...), append(again, t)
			}
		}
		if err := tr.wait(ctx, threads); err != nil {
			return err
		}
		live = again
	}
	fresh, err := tr.children(tr.parentsLast(), false)
	if err != nil {
		return err
	}
	return tr.grow(ctx, fresh)
}
