package task

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/ptrace"
	"woodfrog/internal/buffers"
	"woodfrog/internal/linux"
	"woodfrog/internal/parallel"
)

// Look reads what Locate begins with, the areas of tasks. Where there are many threads it reads beside that what Collect wants of those: their
// statuses, and, as only the tracer can, what ptrace tells.
func Look(tasks []*Task) error {
	var jobs []func() error
	do := func(i int) error { return jobs[i]() }
	for _, t := range tasks {
		jobs = append(jobs, t.readAreas)
	}
	if !manyThreadsOf(tasks) {
		return parallel.Do(len(jobs), FewTasks, do)
	}
	for _, t := range tasks {
		for part := range slices.Chunk(t.Threads, manyThreads) {
			jobs = append(jobs, func() error { return readStatuses(part) })
		}
	}
	others := parallel.Begin(len(jobs), 1, do)
	defer func() { _ = others() }() // should this panic
	var first error
	scratch := buffers.Get(scratchSize)
	defer buffers.Put(scratch)
	for _, t := range tasks {
		for _, th := range t.Threads {
			if err := th.look(*scratch); err != nil && first == nil {
				first = fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			}
		}
	}
	return errors.Join(others(), first)
}

// scratchSize is more than any register set has, bytes.
const scratchSize = 72 << 10

// FewTasks are not worth a thread of the engine's own.
const FewTasks = 4

func (t *Task) readAreas() (err error) {
	t.Areas, err = t.Proc.Smaps()
	return err
}

// Locate finds the vDSO of t, after Look. Threads that an engine before us left in its stub are at their own registers then; it says whether
// any had to run for that, and that t is to be looked at again.
func (t *Task) Locate(k *VDSOKernel) (ran bool, err error) {
	for _, th := range t.Threads {
		if err := th.ownCalls(); err != nil {
			return false, fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	if ran, err = t.bringHome(); ran || err != nil {
		return ran, err
	}
	return false, t.FindVDSO(k)
}

// ownCalls refuses a thread whose system calls may become signals: the stub's would, too, and those of its vDSO while other signals are blocked.
func (th *Thread) ownCalls() error {
	switch on, err := linux.Dispatches(th.Tid); {
	case on:
		return errors.New("its system calls may become signals (PR_SET_SYSCALL_USER_DISPATCH): not served yet")
	case err != nil && !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EINVAL): // of these kernels nobody can tell
		return fmt.Errorf("syscall user dispatch: %w", err)
	}
	return nil
}

// Collect reads what the tracer can tell of the stopped threads of t, after Locate: registers before anything else, since the kernel
// changes some of them with the first call that is made inside the task.
func (t *Task) Collect() error {
	if err := t.LeaveVDSO(); err != nil {
		return err
	}
	scratch := buffers.Get(scratchSize)
	defer buffers.Put(scratch)
	for _, th := range t.Threads {
		if err := th.collect(*scratch); err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	if err := t.turnHandlers(); err != nil {
		return err
	}
	if err := t.inParts(func(_ int, threads []*Thread) error { return readStatuses(threads) }); err != nil {
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
		return t.readShared()
	}
	return nil
}

// CollectProc reads what /proc tells of stopped t as a whole. It may run beside Collect, which knows nothing of that.
func (t *Task) CollectProc() (err error) {
	if t.Limits, err = t.Proc.Limits(); err == nil {
		t.Timers, err = t.Proc.Timers()
	}
	return err
}

func (th *Thread) collect(scratch []byte) error {
	if err := th.look(scratch); err != nil {
		return err
	}
	return th.settle()
}

// look reads all that ptrace tells of a stopped thread, once at each stop.
func (th *Thread) look(scratch []byte) error {
	if th.looked {
		return nil
	}
	if _, err := th.registers(); err != nil {
		return err
	}
	for _, set := range th.Task.ABI.RegSets[len(th.Regs):] {
		b, err := ptrace.ReadUsed(th.Tid, set, scratch[:set.Size], th.Task.Xstate)
		if err != nil {
			return err
		}
		th.Regs = append(th.Regs, bytes.Clone(b))
	}
	for _, set := range th.Task.ABI.Refused {
		b, err := ptrace.ReadRegisters(th.Tid, set, scratch[:set.Size])
		if err != nil {
			return err
		}
		if set.InUse(b) {
			return fmt.Errorf("registers %s are in use: not served yet", set.Name)
		}
	}
	var err error
	if th.Sigmask, err = linux.Sigmask(th.Tid); err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	th.Rseq, err = linux.GetRseqConf(th.Tid)
	if err != nil && !errors.Is(err, unix.EIO) {
		return fmt.Errorf("rseq: %w", err)
	}
	th.looked = true
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

// readStatuses reads the status of those threads that were not told of since they stopped.
func readStatuses(threads []*Thread) (err error) {
	for _, th := range threads {
		t := th.Task
		switch {
		case th.told:
		case th == t.Leader():
			th.Status = t.Status
		default:
			if th.Status, err = t.Proc.Thread(th.Tid).Status(); err != nil {
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			}
		}
		th.told = true
	}
	return nil
}

// inParts hands out all threads, many in parts to all processors; first is the place of the first of a part.
func (t *Task) inParts(do func(first int, threads []*Thread) error) error {
	parts := slices.Collect(slices.Chunk(t.Threads, manyThreads))
	return parallel.Do(len(parts), 2, func(i int) error { return do(i*manyThreads, parts[i]) })
}

func manyThreadsOf(tasks []*Task) bool {
	threads := 0
	for _, t := range tasks {
		threads += len(t.Threads)
	}
	return threads >= manyThreads
}

// manyThreads are worth a thread of the engine's own.
const manyThreads = 32
