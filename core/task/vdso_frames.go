package task

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/ptrace"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// A handlerFrame is the frame of a signal handler that runs, in the memory of its task.
type handlerFrame struct {
	arch.Frame
	at   uint64
	head []byte
	open bool // its signal is not blocked
}

// LeaveVDSOInFrames is LeaveVDSO for what handlers that run will return to, after Ask: where that is inside the vDSO, the function is finished
// now, with the registers of the frame, and the frame gets those that the thread has when it is through. The time that it tells is that of
// the dump, which is later than the call and earlier than its return. What the stack has below that, the handler's, is as it was.
func (t *Task) LeaveVDSOInFrames() error {
	if len(t.vdsoCode()) == 0 || t.ABI.Frames == nil {
		return nil
	}
	in := func(f handlerFrame) bool { return t.insideVDSO(f.GPR) }
	for i, found := range t.allFrames() {
		th := t.Threads[i]
		if !slices.ContainsFunc(found.list, in) && !slices.ContainsFunc(found.rivals, in) {
			continue
		}
		if len(found.rivals) > 0 {
			return fmt.Errorf("task %d: thread %d: its stack has %d frames that may be that of the signal handler that runs: try again",
				t.Pid, th.Tid, 1+len(found.rivals))
		}
		err := th.outOfStub(func() error {
			for n, f := range found.list {
				if !in(f) {
					continue
				}
				if err := th.leaveInFrame(f, n == 0); err != nil {
					return fmt.Errorf("what a signal handler interrupted in the vDSO: %w", err)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	return nil
}

// foundFrames are the frames of the handlers that a thread runs, the innermost first, or those that it may run instead.
type foundFrames struct{ list, rivals []handlerFrame }

// allFrames finds the frames of the handlers of all threads, in their order.
func (t *Task) allFrames() []foundFrames {
	open := t.hasOpenHandler()
	found := make([]foundFrames, len(t.Threads))
	_ = t.inParts(func(first int, threads []*Thread) error {
		stacks := stackReader{t: t}
		defer stacks.close()
		for i, th := range threads {
			if th.Sigmask != 0 || open {
				list := th.frames(&stacks, open)
				found[first+i] = foundFrames{list, th.rivals(&stacks, list)}
			}
		}
		return nil
	})
	return found
}

// outOfStub stops a thread that idles in the stub, and has it idle again.
func (th *Thread) outOfStub(do func() error) error {
	if err := linux.Interrupt(th.Tid); err != nil {
		return err
	}
	if err := ptrace.WaitReleased(th.Tid); err != nil {
		return err
	}
	th.running = false
	if err := do(); err != nil {
		return err
	}
	if err := linux.Cont(th.Tid, 0); err != nil {
		return err
	}
	th.running = true
	return nil
}

// mostFrames bounds what is believed of a program that lays out frames itself.
const mostFrames = 256

// frames finds the frames of the handlers that run, the innermost first. Memory of a stack may still hold frames of handlers that are long
// over. The signal of one that is not is blocked, and, below the frame of another handler, by that one's mask; open says that there are
// handlers that run without that.
func (th *Thread) frames(stacks *stackReader, open bool) (list []handlerFrame) {
	kind := th.Task.ABI.Frames
	mask, at := th.Sigmask, th.below(th.GPR())
	for further := mask != 0 || open; further; {
		further = false
		start, stack := at, stacks.read(at)
		for off, frame := range arch.FramesIn(kind, stack, start, th.GPR()) {
			if mask == 0 && !open || len(list) == mostFrames {
				return list
			}
			f := handlerFrame{Frame: frame, at: start + uint64(off)}
			if f.at < at || !th.believes(&f, start, mask) {
				continue
			}
			f.head = bytes.Clone(stack[off:][:kind.Size()])
			list, mask = append(list, f), f.Mask
			// The next one is of what was interrupted, perhaps on another stack. Up to there, this frame has room that is not written to, where
			// older ones may be.
			if at = th.below(f.GPR); at < start || at >= start+uint64(len(stack)) {
				further = mask != 0 || open
				break
			}
		}
	}
	return list
}

// below is where the search for frames begins with these registers: a restorer that is about to make its call has taken its address off the stack.
func (th *Thread) below(gpr []byte) uint64 { return th.Task.ABI.Regs.SP(gpr)&^7 - 8 }

// rivals are frames that are as good as the first of list and are not explained by it. A handler with a large buffer may have the frame of one
// that is long over in that, as it was; and so may what a handler has interrupted.
func (th *Thread) rivals(stacks *stackReader, list []handlerFrame) (rivals []handlerFrame) {
	if len(list) == 0 || list[0].open {
		return nil
	}
	start := th.below(th.GPR())
	explains := func(at uint64) func(handlerFrame) bool {
		return func(f handlerFrame) bool {
			end := th.Task.ABI.Regs.SP(f.GPR)
			if f.High != 0 && (end < f.Low || end >= f.High) { // the first on the alternate stack
				end = f.High
			}
			return f.at <= at && at < end
		}
	}
	for off, frame := range arch.FramesIn(th.Task.ABI.Frames, stacks.read(start), start, th.GPR()) {
		f := handlerFrame{Frame: frame, at: start + uint64(off)}
		if !slices.ContainsFunc(list, explains(f.at)) && th.believes(&f, start, th.Sigmask) && !f.open {
			rivals = append(rivals, f)
		}
	}
	return rivals
}

// believes says whether f, found in a search from start on, is the frame of a handler that runs while mask is blocked.
func (th *Thread) believes(f *handlerFrame, start, mask uint64) bool {
	t := th.Task
	if f.Plain {
		stack := t.ABI.Fields(th.Facts.altstack.Mem())
		sp, _, size := stack.Word(), stack.U32(), stack.Word()
		if !f.LiesAt(f.at, t.ABI.Regs.SP(f.GPR), sp, size) {
			return false
		}
	}
	if !t.onStack(f.Frame, f.at, start) || f.Restorer != 0 && !t.isRestorer(f.Restorer) {
		return false
	}
	f.open = !t.blocks(&f.Frame, mask)
	return !f.open || t.opens(f, mask)
}

// nearest bounds what lies between a frame and what it interrupted on the same stack, bytes: vector registers.
const nearest = 64 << 10

// onStack says whether a frame at at can be of the thread whose stack is searched from start on: memory further up may be other threads' stacks.
func (t *Task) onStack(f arch.Frame, at, start uint64) bool {
	if f.High != 0 {
		return f.Low <= start && start < f.High
	}
	return t.ABI.Regs.SP(f.GPR)-at <= nearest
}

// isRestorer says whether there is code at addr that makes the call by which a handler returns.
func (t *Task) isRestorer(addr uint64) bool {
	code := make([]byte, 16)
	stub := &t.ABI.Stub
	return t.readMemory(addr, code) == nil &&
		(stub.Sigreturn(code) == 0 || stub.OldSigreturn != nil && stub.OldSigreturn(code) == 0)
}

// leaveInFrame finishes what the handler of frame f interrupted. The function writes to the stack where now the handler has its own:
// that is put back. innermost: it is that handler which runs now.
func (th *Thread) leaveInFrame(f handlerFrame, innermost bool) (err error) {
	t, kind, sets := th.Task, th.Task.ABI.Frames, th.Task.ABI.RegSets
	var own [2][]byte
	for i := range own {
		if own[i], err = ptrace.ReadRegisters(th.Tid, sets[i], make([]byte, sets[i].Size)); err != nil {
			return err
		}
	}
	t.ABI.Regs.Rewind(own[0], arch.NoHandler)
	vectors := make([]byte, f.VectorSize)
	if f.VectorSize > 0 {
		if err := t.readMemory(f.Vectors, vectors); err != nil {
			return err
		}
	}
	const room = 4 << 10 // more than any function of a vDSO uses
	sp := t.ABI.Regs.SP(f.GPR)
	stack := t.areaAt(sp - 1)
	if stack == nil {
		return fmt.Errorf("stack pointer %#x: no memory", sp)
	}
	low := max(sp-room, stack.Start)
	below := make([]byte, sp-low)
	if err := t.readMemory(low, below); err != nil {
		return err
	}
	fault := false
	if err = th.setAll(f.GPR, kind.Vectors(own[1], vectors)); err == nil {
		err = th.leave(make([]byte, sets[0].Size))
		// It would fault again: that is what the handler is called for, or its frame is over and its memory another's. It stays as it is.
		if fault = errors.Is(err, errFault); fault {
			err = nil
		}
	}
	var now [2][]byte
	for i := range now {
		if err == nil {
			now[i], err = ptrace.ReadRegisters(th.Tid, sets[i], make([]byte, sets[i].Size))
		}
	}
	if err == nil && innermost && !fault {
		if th.lendG(f.GPR, now[0], th.GPR()) {
			th.guardAgain()
		}
	}
	err = errors.Join(err, copyTask(unix.ProcessVMWritev, t.Pid, low, below), th.setAll(own[0], own[1]), th.setFleeting())
	if err != nil || fault {
		return err
	}
	return t.storeFrame(f, now, vectors)
}

// storeFrame has the handler of f return with the registers now. What was interrupted may have been the call of another handler, which is the
// vDSO's on ppc64le and leaves an address to return to: it is turned like those that were there when the task was stopped.
func (t *Task) storeFrame(f handlerFrame, now [2][]byte, vectors []byte) error {
	if _, _, err := t.turn(now[0]); err != nil {
		return err
	}
	t.ABI.Frames.Store(f.head, now[0])
	if err := copyTask(unix.ProcessVMWritev, t.Pid, f.at, f.head); err != nil || f.VectorSize == 0 {
		return err
	}
	t.ABI.Frames.StoreVectors(vectors, now[1])
	return copyTask(unix.ProcessVMWritev, t.Pid, f.Vectors, vectors)
}

// lendG gives handlers of Go's their g. One takes it from its register unless it was the vDSO that was interrupted, by the address that the frame
// has, and now it will not find that there. The register of a handler that still has what the interrupted function had in it gets what that
// leaves there.
func (th *Thread) lendG(before, after, handler []byte) (lent bool) {
	t := th.Task
	if len(t.ABI.VDSO.GoCalls) == 0 || !t.fromGo() {
		return false
	}
	g := func(gpr []byte) []byte { return gpr[t.ABI.VDSO.GoG:][:t.ABI.WordSize()] }
	if !bytes.Equal(g(handler), g(before)) {
		return false
	}
	copy(g(handler), g(after))
	return true
}

// fromGo says whether the program of t was linked by Go.
func (t *Task) fromGo() bool {
	fd, err := t.Proc.OpenFile("exe", unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return vdso.FromGo(linux.FD(fd))
}

// setFleeting sets again what is lost by a system call, and by setting the second set.
func (th *Thread) setFleeting() error {
	for i, set := range th.Task.ABI.RegSets {
		if b := th.Regs[i]; set.Fleeting && set.InUse(b) {
			if err := ptrace.SetRegisters(th.Tid, set, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAll sets general registers and vectors.
func (th *Thread) setAll(sets ...[]byte) error {
	for i, b := range sets {
		if err := ptrace.SetRegisters(th.Tid, th.Task.ABI.RegSets[i], b); err != nil {
			return err
		}
	}
	return nil
}
