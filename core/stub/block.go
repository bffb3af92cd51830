package stub

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// Block is a thread block: the mailbox between the engine and one thread that runs the stub.
type Block struct {
	area *Area
	abi  *arch.ABI // of the thread
	off  int
}

// newBlock reserves a thread block.
func (a *Area) newBlock(abi *arch.ABI) Block {
	b := Block{a, abi, a.alloc(tcbSize, 64)}
	b.put(tcbEngine, a.engineWord())
	const patience = uint64(100 * time.Millisecond)
	if abi.WordSize() == 4 {
		b.put(tcbPatience, patience<<32)
	} else {
		b.put(tcbPatience+8, patience)
	}
	return b
}

func (b Block) put(field int, v uint64) {
	binary.LittleEndian.PutUint64(b.area.mem[b.off+field:], v)
}

func (b Block) addr() uint64 { return b.area.Base + uint64(b.off) }

// Addr is the block's address in the task.
func (b Block) Addr() uint64 { return b.addr() }

// ABI is that of the thread.
func (b Block) ABI() *arch.ABI { return b.abi }

// Entry is the address at which the thread enters the stub.
func (b Block) Entry() uint64 {
	i := slices.Index(b.area.ABIs, b.abi)
	return b.area.Base + uint64(stubAt(b.area.ABIs, i)) + b.abi.Stub.Entry
}

// SetFrame says where the signal frame is to which the thread returns if the engine dies.
func (b Block) SetFrame(addr uint64) { b.put(tcbFrame, addr) }

// setProg hands the thread a program. Whatever was written before is there when the thread sees it.
func (b Block) setProg(addr uint64) { linux.Word64(b.area.mem, b.off+tcbProg).Store(addr) }

func (b Block) state() *atomic.Uint32 { return linux.Word(b.area.mem, b.off+tcbState) }

// Wait sleeps until the program ended. alive is asked now and then whether waiting still makes sense.
func (b Block) Wait(alive func() error) error {
	for s := b.state(); ; {
		if s.Load() != StateRunning {
			return nil
		}
		if err := linux.FutexWait(s, StateRunning, 20*time.Millisecond); err != nil {
			return fmt.Errorf("stub: wait: %w", err)
		}
		if s.Load() == StateRunning {
			if err := alive(); err != nil {
				return err
			}
		}
	}
}

// Rearm makes the block ready for the next program, before Link.
func (b Block) Rearm() { b.state().Store(StateRunning) }

// Abandon lets the idle threads of the area, and those that wait for a word, take the engine for dead.
func (a *Area) Abandon() {
	if a.engine != nil {
		a.engine.Or(linux.FutexOwnerDied)
		_ = linux.FutexWake(a.engine)
	}
}

// Kick wakes the idle threads of the area: those with a new program run it.
func (a *Area) Kick() error { return linux.FutexWake(a.engine) }

// SyscallError is a system call that failed inside a task.
type SyscallError struct {
	ABI   string
	Op    string // the operation, as listed
	Errno unix.Errno
}

func (e *SyscallError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", e.Op, e.Errno.Error(), unix.ErrnoName(e.Errno))
}

// Unwrap makes errors.Is(err, unix.ENOENT) work.
func (e *SyscallError) Unwrap() error { return e.Errno }

// Err is nil if the program ran to its end.
func (p *Program) Err() error {
	switch s := p.Block.state().Load(); s {
	case StateDone:
		return nil
	case StateFailed:
		at := binary.LittleEndian.Uint64(p.Area.mem[p.Block.off+tcbFailed:])
		for _, op := range p.ops {
			if p.Area.Base+uint64(op.off) == at {
				return &SyscallError{p.ABI().Name, op.String(), unix.Errno(-op.Result())}
			}
		}
		return fmt.Errorf("stub: failed at %#x, which is none of the program's", at)
	case StateRunning:
		return fmt.Errorf("stub: program still running")
	default:
		return fmt.Errorf("stub: state %#x is none of ours: the task wrote over it", s)
	}
}

// Failed says whether the program failed.
func (p *Program) Failed() bool { return p.Block.state().Load() == StateFailed }
