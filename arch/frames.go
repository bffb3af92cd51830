package arch

import "iter"

// Frames are what the kernel lays on a stack when a signal is handled, and rt_sigreturn takes from there: all that the thread was when
// the handler interrupted it.
type Frames interface {
	// Find returns where in b, a part of a stack that begins at a word, there may be a frame; -1 for nowhere.
	Find(b []byte) int
	// Size is how much of a frame Parse wants to see, bytes.
	Size() int
	// Parse reads the frame at address at; gpr are the thread's own general registers, of which a frame has not all. It is not
	// ok if no handler returns to that.
	Parse(b []byte, at uint64, gpr []byte) (f Frame, ok bool)
	// Store puts general registers into the frame.
	Store(b, gpr []byte)
	// Vectors returns the register set behind the general ones as it is once the frame's, stored, has taken the place of the
	// thread's own; StoreVectors puts such a set into the frame's.
	Vectors(own, stored []byte) []byte
	StoreVectors(stored, set []byte)
	// Sealed says whether what the kernel has written above the part that Parse wants to see, or marked there, is there still of f, the frame at
	// address at, and that is true where it marks nothing. read reads the task's memory.
	Sealed(f Frame, at uint64, read func(at uint64, b []byte) error) bool
}

// FramesIn are what may be frames in a piece of a stack at address at, a multiple of 8, and their places in it; gpr as for Parse. Which of
// them are those of handlers that run, and which are left from others, it does not know.
func FramesIn(kind Frames, stack []byte, at uint64, gpr []byte) iter.Seq2[int, Frame] {
	return func(yield func(int, Frame) bool) {
		const word = 8
		for off := 0; off < len(stack); off = (off + word) &^ (word - 1) {
			i := kind.Find(stack[off:])
			if off += i; i < 0 || len(stack)-off < kind.Size() {
				return
			}
			if f, ok := kind.Parse(stack[off:][:kind.Size()], at+uint64(off), gpr); ok && !yield(off, f) {
				return
			}
		}
	}
}

// Frame is what a frame says.
type Frame struct {
	Signal   int    // that is handled, where the handler is one with SA_SIGINFO, or i386's; else it may be any, or 0
	Mask     uint64 // the signals that are blocked when it is over
	Restorer uint64 // code that makes the call rt_sigreturn; 0 where the frame does not say
	GPR      []byte
	// Low and High are the alternate stack, if the frame is on it.
	Low, High uint64
	// Plain: it is that of a handler without SA_SIGINFO, and does not say where the alternate stack is. Who knows asks LiesAt.
	Plain bool
	// Vectors is where the other registers are, VectorSize their size in bytes; 0 if they are not there.
	Vectors    uint64
	VectorSize int
}

// maxSignal is _NSIG.
const maxSignal = 64

// LiesAt says whether a frame at address at can be where it is: on the alternate stack, stack and size, as it says itself, which is noted; or
// below the stack that was interrupted, which ends at sp. What is no signal is noted as none.
func (f *Frame) LiesAt(at, sp, stack, size uint64) bool {
	alternate := stack <= at && at-stack < size
	if alternate {
		f.Low, f.High = stack, stack+size
	}
	if f.Signal < 1 || f.Signal > maxSignal {
		f.Signal = 0
	}
	return at < sp || alternate
}
