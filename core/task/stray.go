package task

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// strays are the threads that an engine before us left in its stub or its refuge when it was killed, and that were not
// scheduled yet, or not let go by job control, to return from there to their own registers.
func (t *Task) strays(left []procfs.Smap) ([]*Thread, error) {
	var strays []*Thread
	for _, th := range t.Threads {
		if th != t.Leader() && len(left) == 0 {
			break // only leaders have a refuge
		}
		set := t.ABI.RegSets[0]
		gpr, err := ptrace.ReadRegisters(th.Tid, set, make([]byte, set.Size))
		if err != nil {
			return nil, fmt.Errorf("thread %d: %w", th.Tid, err)
		}
		pc := t.ABI.Regs.PC(gpr)
		inside := func(m procfs.Smap) bool { return m.Start <= pc && pc < m.End }
		if slices.ContainsFunc(left, inside) || th == t.Leader() && t.inRefuge(t.ABI.Regs.SP(gpr)) {
			strays = append(strays, th)
		}
	}
	return strays, nil
}

// inRefuge says whether a stack pointer is where a refuge's would be.
func (t *Task) inRefuge(sp uint64) bool {
	return slices.ContainsFunc(t.Areas, func(m procfs.Smap) bool {
		return m.Path == "[stack]" && m.Start <= sp && sp < m.Start+refugeRoom
	})
}

// bringHome lets strays run on until they are at their own registers. A leader whose own stack pointer is at the low end of
// its stack is taken for a stray, too: it goes on for some milliseconds.
func (t *Task) bringHome() error {
	const limit, refugeLimit = 5 * time.Second, 20 * time.Millisecond
	left := t.leftovers()
	var start time.Time
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		strays, err := t.strays(left)
		switch {
		case err != nil:
			return err
		case len(strays) == 0:
			return nil
		case start.IsZero():
			start = time.Now()
		case len(left) == 0 && time.Since(start) > refugeLimit:
			return nil
		case time.Since(start) > limit:
			return fmt.Errorf("thread %d: stays in the stub of an engine that was killed", strays[0].Tid)
		}
		if err := t.goOn(strays, pause); err != nil {
			return err
		}
	}
}

// goOn lets stopped threads run for a while. What was read of them is read again.
func (t *Task) goOn(threads []*Thread, pause time.Duration) error {
	for _, th := range threads {
		if err := linux.Cont(th.Tid, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("thread %d: %w", th.Tid, err)
		}
	}
	time.Sleep(pause)
	for _, th := range threads {
		err := linux.Interrupt(th.Tid)
		if err == nil {
			_, err = ptrace.WaitInterrupt(th.Tid, stopLimit)
		}
		if err != nil {
			return fmt.Errorf("thread %d: in the stub of an engine that was killed: %w", th.Tid, err)
		}
	}
	var err error
	if t.Stat, err = t.Proc.Stat(); err == nil {
		t.Status, err = t.Proc.Status()
	}
	return err
}
