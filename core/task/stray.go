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
		gpr, err := th.registers()
		if err != nil {
			return nil, fmt.Errorf("thread %d: %w", th.Tid, err)
		}
		pc := t.ABI.Regs.PC(gpr)
		inside := func(m procfs.Smap) bool { return m.Start <= pc && pc < m.End }
		if slices.ContainsFunc(left, inside) || th == t.Leader() && t.ran < mostCalls && t.inRefuge(t.ABI.Regs.SP(gpr)) {
			strays = append(strays, th)
		}
	}
	return strays, nil
}

// mostCalls are more than a leader makes by hand between its refuge and its own registers.
const mostCalls = 8

// bringHome lets strays go on until they are at their own registers, from call to call: the last one, rt_sigreturn, brings them there, and
// they execute nothing of their own. Where the mark of a refuge was never overwritten, a leader may be taken for a stray that has
// just its stack pointer: it makes some calls of its own then, unless it does not make any soon. So what was read of a task of which
// any has run has to be read again.
func (t *Task) bringHome() (ran bool, err error) {
	left := t.leftovers()
	strays, err := t.strays(left)
	for ; err == nil && len(strays) > 0; strays, err = t.strays(left) {
		ran = true
		t.ran++
		for _, th := range strays {
			err := th.toNextCall()
			if err == unix.ETIMEDOUT && len(left) == 0 {
				t.ran = mostCalls
				return true, nil
			}
			if err != nil {
				return true, fmt.Errorf("thread %d: in the stub of an engine that was killed: %w", th.Tid, err)
			}
		}
		if t.Stat, err = t.Proc.Stat(); err == nil {
			t.Status, err = t.Proc.Status()
		}
		if err != nil {
			return true, err
		}
	}
	return ran, err
}

// toNextCall lets a stopped thread run until it has made one call more.
func (th *Thread) toNextCall() error {
	th.runs()
	var exit bool
	var err error
	for sig := unix.Signal(0); err == nil && !exit; {
		if err = linux.ContSyscall(th.Tid, sig); err != nil {
			return err
		}
		var stop ptrace.Stop
		if stop, err = ptrace.WaitStop(th.Tid, strayLimit); err != nil {
			break
		}
		sig, _ = stop.Onward()
		if stop.Call {
			var info linux.SyscallInfo
			info, err = linux.GetSyscallInfo(th.Tid)
			exit = info.Op == unix.PTRACE_SYSCALL_INFO_EXIT
		}
	}
	// to a stop at which registers can be set, wherever it is now
	if e := linux.Interrupt(th.Tid); e != nil {
		return e
	}
	if exit {
		if e := linux.Cont(th.Tid, 0); e != nil {
			return e
		}
	}
	if _, e := ptrace.WaitInterrupt(th.Tid, stopLimit); e != nil {
		return e
	}
	return err
}

// strayLimit is how long a thread may take from call to call of a stub program, or to be scheduled.
const strayLimit = 2 * time.Second
