package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/ptrace"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// LeaveVDSO lets threads that are inside the vDSO, the image's or a parked one, finish what they are doing there and nothing else: after the
// restore the code around them may be another kernel's and the data that they are just reading is.
func (t *Task) LeaveVDSO() error {
	if len(t.vdsoCode()) == 0 {
		return nil
	}
	buf := make([]byte, t.ABI.RegSets[0].Size)
	for _, th := range t.Threads {
		gpr, err := th.registers()
		if err == nil && t.insideVDSO(gpr) {
			th.runs()
			err = th.leave(buf)
		}
		if err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	return nil
}

const (
	// leaveLimit bounds the way out: a getrandom of a megabyte is a few million instructions.
	leaveLimit = 20 * time.Second
	// leaveSlice is how long a thread runs until it is asked whether that is still wanted.
	leaveSlice = 100 * time.Millisecond
)

// slowStep makes functions of the vDSO take longer than the kernel's clock ticks when they are stepped through.
const slowStep = 100 * time.Microsecond

var errInside = fmt.Errorf("still inside after %v", leaveLimit)

// forced are the signals that code may force on its thread: by a step, and where it goes by wrong addresses.
const (
	sigtrap = uint64(1) << (unix.SIGTRAP - 1)
	forced  = sigtrap | 1<<(unix.SIGSEGV-1) | 1<<(unix.SIGBUS-1)
)

// errFault: what the thread does in the vDSO faults. The signal was not delivered.
var errFault = errors.New("memory that it uses is not there")

// errReturns: the task's own vDSO has no such code, and only the kernel can do what it does.
var errReturns = errors.New("at the end of a handler of a signal, in a vDSO that an earlier restore put there: try again")

// leave brings the thread out. Each step and breakpoint forces a SIGTRAP on it, and what faults another signal; were that blocked, the kernel would
// reset its handler (kernel/signal.c, force_sig_info_to_task), so what is forced, and nothing else, is let through. One that is ignored is reset
// all the same: it is put back. A SIGSEGV or SIGBUS that somebody sends meanwhile is pending again in the end.
func (th *Thread) leave(buf []byte) (err error) {
	proc := th.Task.Proc.Thread(th.Tid)
	status, err := proc.Status()
	if err != nil {
		return err
	}
	if pending := (status.SigPnd | status.ShdPnd) & forced; pending != 0 {
		return fmt.Errorf("inside the vDSO with a %s pending: it cannot be stepped out: try again", unix.SignalName(unix.Signal(bits.TrailingZeros64(pending)+1)))
	}
	mask, err := linux.Sigmask(th.Tid)
	if err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	if err := linux.SetSigmask(th.Tid, ptrace.AllSignals&^forced); err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	defer func() {
		if e := linux.SetSigmask(th.Tid, mask); err == nil {
			err = e
		}
	}()
	apart := th.join()
	err = th.step(buf)
	apart()
	var sent errSent
	if errors.As(err, &sent) { // the kernel queues again what is delivered and blocked (kernel/signal.c, ptrace_signal)
		if e := linux.SetSigmask(th.Tid, ptrace.AllSignals); e != nil {
			return fmt.Errorf("signal mask: %w", e)
		}
	}
	if e := th.interrupt(unix.Signal(sent)); e != nil {
		return fmt.Errorf("on the way out of the vDSO: %w", e) // whatever was before: it may run
	}
	for ignored := status.SigIgn & forced; ignored != 0; ignored &= ignored - 1 {
		if e := th.ignoreAgain(unix.Signal(bits.TrailingZeros64(ignored) + 1)); err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("on the way out of the vDSO: %w", err)
	}
	return nil
}

// errSent is a signal that somebody has sent and that would have counted as forced.
type errSent unix.Signal

func (e errSent) Error() string {
	return fmt.Sprintf("a %s came: try again", unix.SignalName(unix.Signal(e)))
}

// join brings the tracer to the processor on which the thread ran last, where a step takes a tenth of the time that it takes across. A
// tracer that may not run there stays where it is.
func (th *Thread) join() (apart func()) {
	stat, err := th.Task.Proc.Thread(th.Tid).Stat()
	var old, one unix.CPUSet
	if err != nil || unix.SchedGetaffinity(0, &old) != nil || !old.IsSet(stat.Processor) {
		return func() {}
	}
	one.Set(stat.Processor)
	if unix.SchedSetaffinity(0, &one) != nil {
		return func() {}
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }
}

func (th *Thread) step(buf []byte) error {
	code, regs, set := th.Task.codeToLeave(), th.Task.ABI.Regs, th.Task.ABI.RegSets[0]
	advance := th.advance(code)
	gpr, err := ptrace.ReadRegisters(th.Tid, set, buf)
	for end := time.Now().Add(leaveLimit); err == nil && inside(code, regs.PC(gpr)); {
		if err := th.Task.Ended(); err != nil {
			return err
		}
		if th.Task.returning(regs.PC(gpr)) {
			return errReturns
		}
		if time.Now().After(end) {
			return errInside
		}
		if th.Task.Faults.Stuck {
			time.Sleep(slowStep)
			continue
		}
		if th.Task.Faults.Slow {
			time.Sleep(slowStep)
		}
		var stop ptrace.Stop
		if stop, err = advance(gpr); err != nil {
			return err
		}
		if !stop.Event && (stop.Signal == unix.SIGSEGV || stop.Signal == unix.SIGBUS) {
			if sent, err := linux.Sent(th.Tid); err != nil || sent {
				return errors.Join(err, errSent(stop.Signal))
			}
			return errFault
		}
		if stop.Signal != unix.SIGTRAP && !stop.Event {
			return fmt.Errorf("stopped by %v", stop.Signal)
		}
		gpr, err = ptrace.ReadRegisters(th.Tid, set, buf)
	}
	return err
}

// advance returns what brings the thread one instruction further or, by breakpoints, as many as can be before it is outside. Kernels of arm
// know no single step, and one that does may take so long for the instructions between two looks at a clock that the clock has always gone on.
func (th *Thread) advance(code []vdso.Area) func(gpr []byte) (ptrace.Stop, error) {
	t := th.Task
	step := th.steps()
	if t.ABI.Lead == nil {
		return step
	}
	otherwise := step
	if t.ABI.NoStep {
		otherwise = func([]byte) (ptrace.Stop, error) {
			return ptrace.Stop{}, fmt.Errorf("%w: try again", ptrace.ErrNoBreakpoints)
		}
	}
	// a thread that no breakpoint stops would run on in its program
	if work, err := t.facts.Ask(kerndat.Breakpoints); err != nil || work != kerndat.Yes {
		return otherwise
	}
	points, err := ptrace.FindBreakpoints(th.Tid, t.ABI.Breakpoints)
	if err != nil {
		return otherwise
	}
	within := func(pc uint64) bool { return inside(code, pc) }
	read := t.codeReader(code)
	return func(gpr []byte) (ptrace.Stop, error) {
		to, err := t.ABI.Lead(gpr, points.Most, within, read)
		switch {
		case err != nil:
			return ptrace.Stop{}, err
		case len(to) == 0:
			return step(gpr)
		}
		stop, err := points.RunTo(to, leaveSlice)
		switch {
		case errors.Is(err, ptrace.ErrNoBreakpoints):
			return otherwise(gpr)
		case errors.Is(err, unix.ETIMEDOUT):
			return ptrace.Stop{Event: true}, nil // it was interrupted
		}
		return stop, err
	}
}

// steps returns a step: to the next branch where that can be, by which alone the thread comes out, else of one instruction.
func (th *Thread) steps() func(gpr []byte) (ptrace.Stop, error) {
	block := th.Task.ABI.BlockStep
	return func([]byte) (ptrace.Stop, error) {
		if block != 0 {
			stop, err := ptrace.StepBlock(th.Tid, block)
			if err != unix.EIO {
				return stop, err
			}
			block = 0 // kernel/ptrace.c, ptrace_resume: the processor has none
		}
		return ptrace.Step(th.Tid)
	}
}

// codeReader returns what reads the task's memory: code once, as it is looked at an instruction at a time.
func (t *Task) codeReader(code []vdso.Area) func(at uint64, b []byte) error {
	copies := make([][]byte, len(code))
	for i, a := range code {
		if b := make([]byte, a.Size()); t.readMemory(a.Start, b) == nil {
			copies[i] = b
		}
	}
	return func(at uint64, b []byte) error {
		for i, a := range code {
			if off := at - a.Start; a.Start <= at && off+uint64(len(b)) <= uint64(len(copies[i])) {
				copy(b, copies[i][off:])
				return nil
			}
		}
		return t.readMemory(at, b)
	}
}

// interrupt brings a thread from the stop of a step to one at which registers can be set; it executes nothing. sig is delivered, unless it is 0.
func (th *Thread) interrupt(sig unix.Signal) error {
	if err := linux.Interrupt(th.Tid); err != nil {
		return err
	}
	if err := linux.Cont(th.Tid, sig); err != nil {
		return err
	}
	_, err := ptrace.WaitInterrupt(th.Tid, stopLimit)
	return err
}

// ignoreAgain has a signal ignored again: its action otherwise is as it was. The call's argument lies for a moment below the stack pointer and
// what may be used below it.
func (th *Thread) ignoreAgain(sig unix.Signal) error {
	t := th.Task
	set := t.ABI.RegSets[0]
	gpr, err := ptrace.ReadRegisters(th.Tid, set, make([]byte, set.Size))
	if err != nil {
		return err
	}
	insn, err := t.FindSyscall()
	if err != nil {
		return err
	}
	const belowStack, sigIgn = 1 << 10, 1
	at := (t.ABI.Regs.SP(gpr) - belowStack) &^ 63
	saved, action := make([]byte, sigactionSize), make([]byte, sigactionSize)
	if err := t.readMemory(at, saved); err != nil {
		return err
	}
	c := ptrace.Caller{ABI: t.ABI, Tid: th.Tid, Insn: insn, GPR: gpr}
	if _, err = c.Try(arch.SysRtSigaction, uint64(sig), 0, at, 8); err == nil {
		if err = t.readMemory(at, action); err == nil {
			binary.LittleEndian.PutUint64(action, sigIgn)
			if err = copyTask(unix.ProcessVMWritev, t.Pid, at, action); err == nil {
				_, err = c.Try(arch.SysRtSigaction, uint64(sig), at, 0, 8)
			}
		}
	}
	if e := copyTask(unix.ProcessVMWritev, t.Pid, at, saved); err == nil {
		err = e
	}
	if e := ptrace.SetRegisters(th.Tid, set, gpr); err == nil {
		err = e
	}
	return err
}

// readMemory reads all of b from the memory of t.
func (t *Task) readMemory(at uint64, b []byte) error {
	return copyTask(unix.ProcessVMReadv, t.Pid, at, b)
}

// copyTask moves all of b between the engine and a task.
func copyTask(call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), pid int, at uint64, b []byte) error {
	n, err := call(pid, []unix.Iovec{iovec(b)}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	if err == nil && n != len(b) {
		err = unix.EFAULT
	}
	if err != nil {
		return fmt.Errorf("memory at %#x: %w", at, err)
	}
	return nil
}
