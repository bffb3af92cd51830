package task

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
	"woodfrog/internal/parallel"
)

// Kill ends all tasks of the tree and waits until they are dead.
func (tr *Tree) Kill() error {
	tr.doom()
	var errs []error
	spared := map[*Task]bool{}
	for _, t := range tr.Tasks {
		if t.Zombie() {
			continue
		}
		if err := unix.Kill(t.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("task %d: kill: %w", t.Pid, err))
			spared[t] = true // its stub finds out that the engine has gone, and gives it its registers back
			_ = linux.SetOptions(t.Leader().Tid, t.Leader().options())
		}
	}
	var leaders, others []*Thread
	for _, t := range tr.Tasks {
		if !t.Zombie() && !spared[t] {
			leaders, others = append(leaders, t.Leader()), append(others, t.Threads[1:]...)
		}
	}
	reap(others)
	reap(leaders) // which is possible after their threads
	for _, t := range tr.Tasks {
		tr.close(t)
	}
	return errors.Join(errs...)
}

// doom has the kernel end all tasks should the engine be killed before it has ended them itself. Only a stopped thread takes options. All are stopped
// first, so that the loop in which they take them is short: an engine that is killed within that leaves a part of the tree.
func (tr *Tree) doom() {
	var leaders []*Thread
	for _, t := range tr.Tasks {
		if !t.Zombie() {
			leaders = append(leaders, t.Leader())
		}
	}
	if len(leaders) == 1 {
		return // there is no half of that
	}
	for _, th := range leaders {
		if th.running {
			_ = linux.Interrupt(th.Tid)
		}
	}
	end := time.Now().Add(thawLimit)
	for _, th := range leaders {
		if th.running {
			_, err := ptrace.WaitStop(th.Tid, max(0, time.Until(end)))
			th.running = err != nil // one that is dead already, or is killed without this
		}
	}
	for _, th := range leaders {
		_ = linux.SetOptions(th.Tid, th.options()|unix.PTRACE_O_EXITKILL)
	}
}

// reap waits until all threads are dead, the last one first: then most are, and nobody is woken for each of them. Any thread of the engine
// can do that, and the kernel has much to do: it forgets all files of /proc that were read.
func reap(threads []*Thread) {
	_ = parallel.Do(len(threads), manyThreads, func(i int) error {
		for tid := threads[len(threads)-1-i].Tid; ; {
			_, status, err := linux.Wait(tid, false)
			if err != nil || status.Exited() || status.Signaled() {
				return nil
			}
		}
	})
}

func (tr *Tree) close(t *Task) {
	if t.Cage != nil && t.Cage.Area != nil {
		t.Cage.Area.Close()
	}
	t.Proc.Close()
}

// Thaw lets all tasks go on as they were, or stops them by SIGSTOP. Threads that do not stop, which only a stopped thread can be let go,
// are left to LetGo.
func (tr *Tree) Thaw(stop bool) error {
	errs := []error{tr.LeaveCages()}
	end := time.Now().Add(thawLimit)
	for _, t := range tr.Tasks {
		if stop && !t.Zombie() {
			_ = unix.Kill(t.Pid, unix.SIGSTOP)
		}
		for i := len(t.Threads) - 1; i >= 0; i-- { // a leader that is dead is reaped after its threads
			th := t.Threads[i]
			if th.RseqCS != 0 {
				_ = setRseqCS(th.Tid, th.Rseq.Area, th.RseqCS)
			}
			switch err := th.letGo(max(0, time.Until(end))); {
			case err == unix.ETIMEDOUT:
				tr.loose = append(tr.loose, th)
			case err != nil:
				errs = append(errs, fmt.Errorf("task %d: thread %d: detach: %w", t.Pid, th.Tid, err))
			}
		}
		tr.close(t)
	}
	return errors.Join(errs...)
}

// thawLimit bounds the wait for threads that had not stopped yet when the dump failed.
const thawLimit = 200 * time.Millisecond

// letGo detaches a thread. One that was interrupted but not seen to stop may be on its way to a signal: it gets that first.
func (th *Thread) letGo(limit time.Duration) error {
	if !th.stopped {
		if _, err := ptrace.WaitInterrupt(th.Tid, limit); err != nil {
			if errors.Is(err, ptrace.ErrGone) {
				return nil
			}
			return err
		}
		th.stopped = true
	}
	err := linux.Detach(th.Tid, 0)
	if err != unix.ESRCH {
		return err
	}
	// It was killed. Until we have seen that, its parent does not.
	if _, err = ptrace.WaitStop(th.Tid, limit); errors.Is(err, ptrace.ErrGone) {
		return nil
	}
	return err
}

// Loose says whether there are threads that Thaw could not let go.
func (tr *Tree) Loose() bool { return len(tr.loose) > 0 }

// LetGo waits for the threads that did not stop and lets them go: the parent of a vfork when its child has made room, however long that
// takes. The process may end meanwhile, which lets go of all.
func (tr *Tree) LetGo() {
	for _, th := range tr.loose {
		if ptrace.WaitHowever(th.Tid) == nil {
			_ = linux.Detach(th.Tid, 0)
		}
	}
	tr.loose = nil
}
