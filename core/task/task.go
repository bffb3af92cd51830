// Package task holds the frozen tree: its tasks and threads, stopped by ptrace, and the stub in each address space. Here are
// also the resources that belong to a task or thread rather than to its memory or files.
package task

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/stub"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// Task is one thread group of the tree.
type Task struct {
	Pid      int
	ABI      *arch.ABI
	Proc     *procfs.Task
	Stat     procfs.Stat
	Status   procfs.Status
	Threads  []*Thread // the leader first; none in a zombie
	Parent   *Task     // nil for the root
	Children []*Task
	Stopped  unix.Signal // the signal of the job control stop it was in, or 0
	Shared   []byte      // pending signals of the group, siginfo_t each
	Timers   []procfs.Timer
	Limits   procfs.Limits

	Xstate *arch.XstateLayout // of the processor; nil but on x86

	Areas []procfs.Smap // as found when it was frozen
	VDSO  *vdso.Proxy   // which of them are its vDSO, and which an earlier restore put there
	// VDSOWritten: pages of its code are the task's own.
	VDSOWritten bool
	Cage        *Cage // the stub in its address space

	Further Further // may be nil

	// Ended is asked on long ways: an error says that the operation is over, and why.
	Ended func() error

	tracer chan<- func() // does what only the tracer can, while it is another who asks

	Faults Faults

	facts *kerndat.Facts

	sigreturns []vdso.Twin // in a proxy: where handlers return to, and where they are to
	toLeave    []vdso.Area // the code that threads have to leave, once it was asked for

	ran     int // how often strays of it were let run
	slipped int // how often its threads were let run to leave the vDSO
}

// Faults make operations of the stub and calls by hand fail, or have the stub crash, for tests. What only undoes is spared.
type Faults struct {
	Op, Crash, Call func() bool
	Slow            bool // the way out of the vDSO takes as long as in an emulator
	Stuck           bool // it leads nowhere
}

// Zombie says that the task has exited and waits for its parent.
func (t *Task) Zombie() bool { return t.Stat.State == 'Z' }

// Leader is the thread whose TID is the PID.
func (t *Task) Leader() *Thread { return t.Threads[0] }

// areaAt is the area that addr is in; nil if there is none.
func (t *Task) areaAt(addr uint64) *procfs.Smap {
	// the first that ends above addr
	i, _ := slices.BinarySearchFunc(t.Areas, addr, func(m procfs.Smap, addr uint64) int {
		if m.End <= addr {
			return -1
		}
		return 1
	})
	if i < len(t.Areas) && t.Areas[i].Start <= addr {
		return &t.Areas[i]
	}
	return nil
}

// Thread is one stopped thread.
type Thread struct {
	Tid     int
	Task    *Task
	Regs    [][]byte // one for each of the ABI's register sets, nil where there is none; before all are needed, only the general ones
	Sigmask uint64
	RseqCS  uint64 // of the critical section it has announced
	Rseq    linux.RseqConf
	Private []byte // pending signals, siginfo_t each
	Status  procfs.Status
	Facts   Facts // what the thread told by its stub program

	Filters []Filter // of seccomp, the oldest first

	block   stub.Block
	asked   *stub.Program
	home    stub.Data // the frame that brings it to its own registers should the engine die
	resume  []byte    // the general registers to go on with here, if not those of Regs: a call that the kernel's restart block goes on with
	looked  bool      // all was read that ptrace tells at this stop
	told    bool      // Status is of this stop, and of the tree's
	held    bool      // its registers are not its own: the stub's, or those of a call by hand
	running bool      // in the stub, not stopped
	stopped bool      // it was seen to stop when the tree was frozen
}

// GPR is the general register set.
func (th *Thread) GPR() []byte { return th.Regs[0] }

// registers are the general registers of a stopped thread that is not held, read once at each stop; they are not to be written to.
func (th *Thread) registers() ([]byte, error) {
	if th.Regs == nil {
		set := th.Task.ABI.RegSets[0]
		b, err := ptrace.ReadRegisters(th.Tid, set, make([]byte, set.Size))
		if err != nil {
			return nil, err
		}
		th.Regs = append(make([][]byte, 0, len(th.Task.ABI.RegSets)), b)
	}
	return th.Regs[0], nil
}

// runs says that a thread goes on: what was read of it is no longer so.
func (th *Thread) runs() { th.Regs, th.looked, th.told = nil, false, false }

// Cage is the stub in one address space.
type Cage struct {
	Area   *stub.Area
	insn   uint64 // a system call instruction in the task, outside of the area
	refuge *refuge
	base   uint64 // of the mapping
	size   uint64 // 0 while there is none
	want   uint64 // the size it will have
	roomy  bool   // the task's limit on address space was raised
}

// stopLimit bounds the wait for a thread that was already stopped once.
const stopLimit = 30 * time.Second

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
