package task

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// Locate reads the areas of t and finds its vDSO. Threads that an engine before us left in its stub are at their own registers then.
func (t *Task) Locate(k *VDSOKernel) error {
	var err error
	if t.Areas, err = t.Proc.Smaps(); err != nil {
		return err
	}
	if err := t.bringHome(); err != nil {
		return err
	}
	return t.FindVDSO(k)
}

// Collect reads what is known of the stopped threads of t from outside, after Locate: registers before anything else, since the kernel
// changes some of them with the first call that is made inside the task.
func (t *Task) Collect() error {
	if err := t.LeaveVDSO(); err != nil {
		return err
	}
	statuses := t.readStatuses()
	scratch := make([]byte, 0, 32<<10)
	for _, th := range t.Threads {
		if err := th.collect(scratch); err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	if err := t.LeaveVDSOInFrames(); err != nil {
		return err
	}
	if err := t.turnHandlers(); err != nil {
		return err
	}
	if err := statuses(); err != nil {
		return err
	}
	for _, th := range t.Threads {
		if err := th.collectMore(); err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	if err := t.collectRseq(); err != nil {
		return err
	}
	if t.Status.ShdPnd != 0 {
		if err := t.readShared(); err != nil {
			return err
		}
	}
	var err error
	if t.Limits, err = t.Proc.Limits(); err != nil {
		return err
	}
	t.Timers, err = t.Proc.Timers()
	return err
}

func (th *Thread) collect(scratch []byte) error {
	gpr, err := th.registers()
	if err != nil {
		return err
	}
	th.Regs = append(th.Regs, gpr)
	for _, set := range th.Task.ABI.RegSets[1:] {
		b, err := ptrace.ReadRegisters(th.Tid, set, scratch[:set.Size])
		if err != nil {
			return err
		}
		th.Regs = append(th.Regs, bytes.Clone(b))
	}
	if th.Sigmask, err = linux.Sigmask(th.Tid); err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	if err := th.settle(); err != nil {
		return err
	}
	th.Rseq, err = linux.GetRseqConf(th.Tid)
	if err != nil && !errors.Is(err, unix.EIO) {
		return fmt.Errorf("rseq: %w", err)
	}
	return nil
}

// collectMore reads what depends on the thread's status.
func (th *Thread) collectMore() error {
	if err := th.collectSeccomp(); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if th.Status.SigPnd != 0 {
		return th.readPrivate()
	}
	return nil
}

// readStatuses reads the status of all threads, which is the larger part of the work that many of them make: beside the tracer, who
// waits for the end by the function it returns.
func (t *Task) readStatuses() (wait func() error) {
	t.Leader().Status = t.Status
	read := func(proc *procfs.Task) (err error) {
		for _, th := range t.Threads[1:] {
			if th.Status, err = proc.Thread(th.Tid).Status(); err != nil {
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			}
		}
		return nil
	}
	if len(t.Threads) < manyThreads {
		err := read(t.Proc)
		return func() error { return err }
	}
	done := make(chan error, 1)
	go func() {
		proc, err := procfs.Open(procfs.Root, t.Pid)
		if err == nil {
			err = read(proc)
			_ = proc.Close()
		}
		done <- err
	}()
	return func() error { return <-done }
}

// manyThreads are worth a thread of the engine's own.
const manyThreads = 32
