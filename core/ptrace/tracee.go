// Package ptrace drives tracees: seize, stop, registers, system calls by hand. All calls for one tracee must come from the
// OS thread that seized it. It knows no images and no /proc.
package ptrace

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// AllSignals blocks every signal that can be blocked.
const AllSignals = ^uint64(0)

// ErrGone means that the tracee is dead.
var ErrGone = errors.New("task is dead")

// Stop is why a tracee stopped.
type Stop struct {
	Signal unix.Signal // the signal to be delivered, or of the group-stop
	Event  bool        // PTRACE_EVENT_STOP: interrupted, or in group-stop
	Call   bool        // entry or exit of a system call
}

// GroupStop says that the task had been stopped by job control.
func (s Stop) GroupStop() bool {
	switch s.Signal {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return s.Event
	case 0: // of a thread that joined a group that had stopped before (kernel/signal.c, do_jobctl_trap)
		return s.Event
	}
	return false
}

// Onward is the signal with which a thread goes on that blocks all signals and stopped all the same: it was told to stop by
// SIGSTOP, which cannot be blocked and takes effect, or the group-stop has begun, under which it can still be made to run.
// ok is false for any other stop.
func (s Stop) Onward() (sig unix.Signal, ok bool) {
	switch {
	case s.Event:
		return 0, true
	case s.Signal == unix.SIGSTOP && !s.Call:
		return unix.SIGSTOP, true
	}
	return 0, false
}

// eventStop is PTRACE_EVENT_STOP, in bits 16 up of the wait status.
const eventStop = 128

// WaitStop waits until tid stops, for at most limit. ErrGone when it died, unix.ETIMEDOUT when it did not stop.
func WaitStop(tid int, limit time.Duration) (Stop, error) {
	var start time.Time
	for pause := time.Duration(0); ; {
		got, status, err := linux.Wait(tid, true)
		switch {
		case err == unix.ECHILD:
			return Stop{}, ErrGone
		case err != nil:
			return Stop{}, fmt.Errorf("wait: %w", err)
		case got == tid && status.Stopped():
			return Decode(status), nil
		case got == tid && (status.Exited() || status.Signaled()):
			return Stop{}, ErrGone
		}
		switch {
		case pause == 0:
			start = time.Now()
			pause = 15 * time.Microsecond
		case time.Since(start) > limit:
			return Stop{}, unix.ETIMEDOUT
		}
		ts := unix.NsecToTimespec(int64(pause))
		_ = unix.Nanosleep(&ts, nil)
		pause = min(pause*2, time.Millisecond)
	}
}

// waitNext waits for the next stop of a tracee that is sure to come: at a call it makes, or out of the stub.
func waitNext(tid int) (Stop, error) {
	_, status, err := linux.Wait(tid, false)
	switch {
	case err == unix.ECHILD:
		return Stop{}, ErrGone
	case err != nil:
		return Stop{}, fmt.Errorf("wait: %w", err)
	case status.Stopped():
		return Decode(status), nil
	}
	return Stop{}, ErrGone
}

// Decode says why a tracee stopped, from its wait status.
func Decode(status unix.WaitStatus) Stop {
	sig := status.StopSignal()
	return Stop{
		Signal: sig &^ 0x80,
		Event:  uint32(status)>>16 == eventStop,
		Call:   sig == unix.SIGTRAP|0x80,
	}
}

// WaitInterrupt waits for the PTRACE_EVENT_STOP of an interrupt that was already asked for, for at most limit. A signal that
// was on its way is delivered first, and reported to the task as it would have been.
func WaitInterrupt(tid int, limit time.Duration) (Stop, error) {
	return interrupted(tid, passed, func() (Stop, error) { return WaitStop(tid, limit) })
}

// WaitHowever is WaitInterrupt without a limit.
func WaitHowever(tid int) error {
	_, err := interrupted(tid, passed, func() (Stop, error) { return waitNext(tid) })
	return err
}

// WaitReleased is WaitInterrupt for a thread that is in the stub, which nothing keeps from stopping. What it is hit by there, where all
// signals are blocked, is the stub's, and kept from the task.
func WaitReleased(tid int) error {
	_, err := interrupted(tid, inStub, func() (Stop, error) { return waitNext(tid) })
	return err
}

// passed is what a thread that runs its own code goes on with from a stop.
func passed(s Stop) unix.Signal {
	if s.Call {
		return 0
	}
	return s.Signal
}

func inStub(s Stop) unix.Signal {
	sig, _ := s.Onward()
	return sig
}

// interrupted has the tracee go on from each stop until the event comes. It is asked for each time: any stop may have been in its place
// (kernel/signal.c, ptrace_stop: any trap clears pending STOP trap).
func interrupted(tid int, onward func(Stop) unix.Signal, wait func() (Stop, error)) (Stop, error) {
	for {
		s, err := wait()
		if err != nil || s.Event {
			return s, err
		}
		if err := linux.Interrupt(tid); err != nil {
			return s, gone(err)
		}
		if err := linux.Cont(tid, onward(s)); err != nil {
			return s, gone(err)
		}
	}
}

// gone maps ESRCH, which ptrace gives for a tracee that was killed.
func gone(err error) error {
	if err == unix.ESRCH {
		return ErrGone
	}
	return err
}

// ReadRegisters reads set r of tid into b and returns the part that is there; nil if the kernel or the processor has none.
func ReadRegisters(tid int, r arch.RegSet, b []byte) ([]byte, error) {
	if r.Request != 0 {
		if err := linux.Request(tid, r.Request, b); err != nil {
			return nil, fmt.Errorf("registers %s: %w", r.Name, gone(err))
		}
		return b[:r.Size], nil
	}
	n, err := linux.GetRegSet(tid, r.Note, b)
	switch {
	case err == nil && r.Fixed && n != r.Size:
		return nil, fmt.Errorf("registers %s: %d bytes instead of %d: it runs code of another ABI than its program: not served", r.Name, n, r.Size)
	case err == nil:
		return b[:n], nil
	case r.Optional && (err == unix.EINVAL || err == unix.EIO || err == unix.ENODEV || err == unix.ENODATA):
		return nil, nil
	}
	return nil, fmt.Errorf("registers %s: %w", r.Name, gone(err))
}

// ReadUsed is ReadRegisters of what the thread uses of the set.
func ReadUsed(tid int, r arch.RegSet, b []byte, layout *arch.XstateLayout) ([]byte, error) {
	if r.Used == nil {
		return ReadRegisters(tid, r, b)
	}
	head, err := ReadRegisters(tid, r, b[:r.Head])
	if err != nil || head == nil {
		return nil, err
	}
	if used := r.Used(head, layout); used <= len(head) {
		return head[:used], nil
	}
	all, err := ReadRegisters(tid, r, b)
	if err != nil {
		return nil, err
	}
	return all[:min(r.Used(all, layout), len(all))], nil
}

// SetRegisters writes set r of tid.
func SetRegisters(tid int, r arch.RegSet, b []byte) error {
	if err := linux.SetRegSet(tid, r.Note, b); err != nil {
		return fmt.Errorf("set registers %s: %w", r.Name, gone(err))
	}
	return nil
}

// Caller makes system calls in a tracee that is at an interrupt stop, through the system call instruction at Insn.
type Caller struct {
	ABI  *arch.ABI
	Tid  int
	Insn uint64
	GPR  []byte // the task's general registers, the ground on which calls are built; not changed
	// Fail is for tests: when it says yes, the call is one that no kernel has. It may be nil.
	Fail func() bool
}

// Pending is a call by hand in one tracee.
type Pending struct {
	Caller
	Call   arch.Call
	Args   []uint64
	Result int64 // a negative errno on failure
	Err    error // the call could not be made
}

// CallAll makes all calls, in all tracees at once. Each tracee is at an interrupt stop again afterwards, with the call's registers: at
// a syscall-exit stop kernels overwrite some of those one sets.
func CallAll(calls []*Pending) {
	for _, step := range []func(*Pending) error{(*Pending).start, (*Pending).enter, (*Pending).finish} {
		for _, p := range calls {
			if p.Err == nil {
				p.Err = step(p)
			}
		}
	}
}

func (p *Pending) start() error {
	var six [6]uint64
	copy(six[:], p.Args)
	gpr := bytes.Clone(p.GPR)
	nr := p.ABI.Number(p.Call)
	if p.Fail != nil && p.Fail() {
		nr = arch.NoCall
	}
	p.ABI.Regs.SetCall(gpr, p.Insn, nr, six)
	if err := SetRegisters(p.Tid, p.ABI.RegSets[0], gpr); err != nil {
		return err
	}
	return gone(linux.ContSyscall(p.Tid, 0))
}

// enter waits for the entry of the call and lets it go on to an interrupt stop.
func (p *Pending) enter() error {
	s, err := waitNext(p.Tid)
	if err != nil {
		return err
	}
	for !s.Call {
		sig, ok := s.Onward()
		if !ok {
			return fmt.Errorf("system call instruction at %#x: stopped by %v instead", p.Insn, s.Signal)
		}
		if err := linux.ContSyscall(p.Tid, sig); err != nil {
			return gone(err)
		}
		if s, err = waitNext(p.Tid); err != nil {
			return err
		}
	}
	if err := linux.Interrupt(p.Tid); err != nil {
		return gone(err)
	}
	return gone(linux.Cont(p.Tid, 0))
}

func (p *Pending) finish() error {
	s, err := waitNext(p.Tid)
	if err != nil {
		return err
	}
	if !s.Event {
		return fmt.Errorf("%s: stopped by %v instead of its end", p.Call, s.Signal)
	}
	set := p.ABI.RegSets[0]
	gpr, err := ReadRegisters(p.Tid, set, make([]byte, set.Size))
	if err == nil {
		p.Result = p.ABI.Regs.Result(gpr)
	}
	return err
}

// Do is the call's result, with a failed call as an error, after CallAll.
func (p *Pending) Do() (uint64, error) {
	err := p.Err
	if err == nil && p.Result < 0 && p.Result >= -4095 {
		err = unix.Errno(-p.Result)
	}
	if err != nil {
		return 0, fmt.Errorf("%s in the task: %w", p.Call, err)
	}
	if p.ABI.WordSize() == 4 {
		return uint64(uint32(p.Result)), nil // an address, perhaps, of the upper half
	}
	return uint64(p.Result), nil
}

// Try makes one call.
func (c *Caller) Try(call arch.Call, args ...uint64) (uint64, error) {
	p := &Pending{Caller: *c, Call: call, Args: args}
	CallAll([]*Pending{p})
	return p.Do()
}
