package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
)

// Where handlers of signals return to the vDSO (arm64, ppc64, ia32 without a restorer), they return to the one that the kernel knows, in a proxy
// the parked one. The next restore parks one elsewhere, or none. The image's has that code too, always at one place and never patched: what
// returns to the parked one, or is just returning by it, is turned to it, in registers and on stacks, and the task may as well go on like that here.

// findSigreturns looks up both places.
func (t *Task) findSigreturns() error {
	from, parked := t.VDSO.Parked.Code()
	if !parked {
		return nil
	}
	rt, err := t.facts.VDSO(t.ABI)
	if err != nil || rt.Image == nil {
		return err
	}
	t.sigreturns = vdso.Sigreturns(vdso.Loaded{Image: rt.Image, Code: rt.Code, At: from.Start}, t.loadedVDSO(), t.ABI.Stub.Syscall)
	return nil
}

// loadedVDSO is the task's own vDSO as it is in its memory. It may not be readable, or be overwritten.
func (t *Task) loadedVDSO() vdso.Loaded {
	code, ok := t.VDSO.Group.Code()
	if !ok {
		return vdso.Loaded{}
	}
	l := vdso.Loaded{Code: make([]byte, code.Size()), At: code.Start}
	if t.readMemory(code.Start, l.Code) == nil {
		if img, err := vdso.Parse(l.Code); err == nil {
			l.Image = img
		}
	}
	return l
}

// twin is the place in the task's own vDSO that is the same as addr in the parked one; ok if addr is where a handler may return to, or
// be just returning.
func (t *Task) twin(addr uint64) (to uint64, ok bool) {
	for i := range t.sigreturns {
		if to, ok = t.sigreturns[i].Of(addr); ok {
			return to, true
		}
	}
	return 0, false
}

// returning says that pc is in code of the parked vDSO by which handlers return.
func (t *Task) returning(pc uint64) bool {
	return slices.ContainsFunc(t.sigreturns, func(s vdso.Twin) bool { return s.Start <= pc && pc < s.End })
}

// turnHandlers turns the handlers that run.
func (t *Task) turnHandlers() error {
	if len(t.sigreturns) == 0 {
		return nil
	}
	for _, th := range t.Threads {
		if err := th.turnHandlers(); err != nil {
			return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
		}
	}
	return nil
}

// belowStack is what code may use below its stack pointer at most, bytes (64-Bit ELF V2 ABI Specification, 2.2.2.4).
const belowStack = 512

func (th *Thread) turnHandlers() error {
	t := th.Task
	gpr := slices.Clone(th.GPR())
	turned, _, err := t.turn(gpr)
	if err != nil {
		return err
	}
	th.Regs[0] = gpr
	there, others, err := t.turnStack((t.ABI.Regs.SP(gpr) - belowStack) &^ 7)
	if err != nil || turned+there == 0 {
		return err
	}
	// A handler runs. What it interrupted may have another stack, with other handlers.
	for _, at := range others {
		if _, _, err := t.turnStack(at); err != nil {
			return err
		}
	}
	return nil
}

// turnStack turns what is on the stack from at on. others are the lowest addresses in other areas that are there.
func (t *Task) turnStack(at uint64) (turned int, others map[uint64]uint64, err error) {
	stacks := stackReader{t: t}
	defer stacks.close()
	stack := stacks.read(at)
	before := slices.Clone(stack)
	turned, others, err = t.turn(stack)
	if err != nil || turned == 0 {
		return turned, others, err
	}
	for i := 0; i < len(stack); i += 8 { // all else may be another thread's
		if n := min(8, len(stack)-i); !slices.Equal(stack[i:i+n], before[i:i+n]) {
			if err := copyTask(unix.ProcessVMWritev, t.Pid, at+uint64(i), stack[i:i+n]); err != nil {
				return turned, others, err
			}
		}
	}
	return turned, others, nil
}

// errSigned: an address that a program has signed (pointer authentication) cannot be changed from outside.
var errSigned = errors.New("in a handler of a signal that returns by a signed address into a vDSO that an earlier restore put there: try again")

// turn changes the addresses in b. others are the lowest addresses that are there in each area that may be a stack, by its start.
func (t *Task) turn(b []byte) (turned int, others map[uint64]uint64, err error) {
	others = map[uint64]uint64{}
	size := t.ABI.WordSize()
	for i := 0; i+size <= len(b); i += size {
		var word uint64
		if size == 4 {
			word = uint64(binary.LittleEndian.Uint32(b[i:]))
		} else {
			word = binary.LittleEndian.Uint64(b[i:])
		}
		if to, ok := t.twin(word); ok {
			if turned++; size == 4 {
				binary.LittleEndian.PutUint32(b[i:], uint32(to))
			} else {
				binary.LittleEndian.PutUint64(b[i:], to)
			}
			continue
		}
		if _, ok := t.twin(word &^ t.ABI.VDSO.Signature); ok {
			return turned, nil, errSigned
		}
		if m := t.stackAt(word); m != nil {
			if at, ok := others[m.Start]; !ok || word < at {
				others[m.Start] = word &^ 7
			}
		}
	}
	return turned, others, nil
}

// stackAt is the area at addr if it may be a stack.
func (t *Task) stackAt(addr uint64) *procfs.Smap {
	if m := t.areaAt(addr); m != nil && m.Inode == 0 && !m.Shared && m.Prot&procfs.ProtWrite != 0 {
		return m
	}
	return nil
}
