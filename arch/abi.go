// Package arch holds the types that describe an ABI: what the engine must know of a task's instruction set, registers,
// system calls and stub, and code that the values share. It imports nothing but the standard library. The values live in arch/x86,
// arch/aarch64, arch/arm and arch/ppc64, and arch/host picks those of the processor the binary was built for.
package arch

import (
	"bytes"
	"debug/elf"
)

// A Prctl is a state that prctl(2) tells, into a word of 32 bits, and sets (include/uapi/linux/prctl.h).
type Prctl struct {
	Get, Set int
	Fresh    uint32 // that of a fresh thread
}

// ABI describes one task ABI as data. The ABI belongs to the task, not to the build: a 32-bit task on a 64-bit kernel is
// just another value.
type ABI struct {
	Name      string      // the kernel's name: x86_64, i386, aarch64, arm, ppc64le
	Machine   elf.Machine // e_machine of its programs
	ELFFlags  uint32      // e_flags of its programs
	ELFNeeds  uint32      // of these bits each of its programs has one in e_flags; 0: it does not matter
	Class     elf.Class   // ELFCLASS32 or ELFCLASS64
	AuditArch uint32      // AUDIT_ARCH_*, as PTRACE_GET_SYSCALL_INFO and seccomp report it
	TaskSize  uint64      // first address past the largest user address space, bytes
	Nr        [NumCalls]int32
	// Elsewhere is TaskSize under kernels of another architecture, where that is larger: images may come from there. 0: there are none.
	Elsewhere uint64
	RegSets   []RegSet // the first is NT_PRSTATUS
	// Prctls are states of a thread that only such processors have.
	Prctls []Prctl
	// Refused are registers that are not carried: the head of each set, by which Idle tells that a thread has nothing there.
	Refused []RegSet
	Regs    Regs
	Stub    Stub
	VDSO    VDSO
	Frames  Frames // nil where handlers' frames are not described, as they have to be for Refit and RefitXstate
	// MmapUnit is what the offset of SysMmap counts, bytes: 1, or 4096 where it is the call mmap2.
	MmapUnit uint64
	// EvenPairs says that an argument of 64 bits takes two registers of which the first is an even one (AAPCS32, 6.5, rule C.3).
	EvenPairs bool
	// Align64 is how fields of 64 bits are aligned in structures, bytes; 0 for 8.
	Align64 int
	// Compat says that the kernel of its tasks is one of 64-bit words, though theirs have 32.
	Compat bool
	// OwnImages says that images of its tasks are as a kernel of 32-bit words makes them, though the kernel has 64: there are such kernels, and
	// tasks go from one to the other.
	OwnImages bool
	// RestartHidden says that an interrupted call which the kernel goes on with by its restart block keeps its own number in the register:
	// that of restart_syscall takes its place at the entry of the call (PTRACE_SET_SYSCALL).
	RestartHidden bool
	// Refit changes the signal frames in a piece of a stack that begins at a multiple of 8, so that all kernels of the ABI can read them, and says
	// whether it changed any; nil where they can anyway.
	Refit func(stack []byte) bool
	// RefitXstate changes the signal frames in a piece of a stack, at address at, that another processor has made, so that the one of layout l can
	// read them, and says whether it changed any. lost are state components that a frame has in use and that this processor lacks. nil where
	// frames hold nothing of the kind.
	RefitXstate func(stack []byte, at uint64, l *XstateLayout) (changed bool, lost uint64)
	// Lead returns addresses of which the thread of gpr is sure to come to one, at most so many, as far on as can be told, but not past the
	// first ones that are not within; bit 0 marks Thumb code. There are none where a single step will do. read reads the task's memory. nil: threads
	// are stepped.
	Lead func(gpr []byte, most int, within func(pc uint64) bool, read func(at uint64, b []byte) error) ([]uint64, error)
	// Breakpoints says how a tracer sets the hardware breakpoints that Lead is for.
	Breakpoints Breakpoints
	// NoStep says that the kernels know no single step.
	NoStep bool
	// BlockStep is the request PTRACE_SINGLEBLOCK, a step up to the next branch, where threads without Lead are to take as few steps as
	// can be; 0: there is none.
	BlockStep int
	// Protections are what areas have beside reading, writing and executing.
	Protections []Protection
	// EpollPacked says that struct epoll_event has no gap in front of its 64-bit member, though other structures do.
	EpollPacked bool
}

// WordSize is the size of a pointer and of a long, in bytes.
func (a *ABI) WordSize() int {
	if a.Class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}

// KernelWordSize is the size of a pointer in structures that the kernel does not translate for its tasks, bytes.
func (a *ABI) KernelWordSize() int {
	if a.Compat {
		return 8
	}
	return a.WordSize()
}

// LargestTask is the first address past the largest address space that an image can have.
func (a *ABI) LargestTask() uint64 { return max(a.TaskSize, a.Elsewhere) }

// Sys returns the ABI's number of system call c, or -1 where it has none.
func (a *ABI) Sys(c Call) int { return int(a.Nr[c]) }

// NoCall is a number for which no kernel has a call: ENOSYS. -1 is another matter on arm: SIGILL, or, under a tracer that looks at calls, nothing at
// all, and the first argument for a result (arch/arm/kernel/traps.c, arm_syscall; entry-common.S, __sys_trace).
const NoCall = 0xffff

// Number is Sys for a task that is to make the call: NoCall where the ABI has none.
func (a *ABI) Number(c Call) int {
	if nr := a.Sys(c); nr >= 0 {
		return nr
	}
	return NoCall
}

// RegSet is one row of the register table: a PTRACE_GETREGSET note and what the kernel needs said of it.
type RegSet struct {
	Note     uint32 // NT_*
	Name     string
	Size     int  // bytes, the largest it can be
	Optional bool // the kernel or the processor may not have it
	ReadOnly bool // never written back
	Varies   bool // its size depends on what is in use of it
	Fixed    bool // it has another size where the thread runs code of another ABI
	Fleeting bool // a system call loses it, or setting the second set does: it is set again after that
	// Idle says that b is what a thread has that does not use the set; nil: all zeroes. It is not stored then.
	Idle func(b []byte) bool
	// Head is how many bytes hold what most threads use of it; 0: all of them. Used is how many of all do, as its first Head bytes tell: what
	// comes behind those is as after a start. Both or none.
	Head int
	Used func(b []byte, layout *XstateLayout) int
	// Kept is what is stored of a set that is not in use, where there is such: it is set before all others, where there is that set.
	Kept func(b []byte) []byte
	// Request is a PTRACE_* that gives the set, one word, at the address in its data, where there is no note. The thread itself writes it,
	// by the call Setter.
	Request int
	Setter  Call
}

// InUse says that b is what a thread has that uses the set.
func (r *RegSet) InUse(b []byte) bool {
	if r.Idle != nil {
		return !r.Idle(b)
	}
	return len(bytes.TrimRight(b, "\x00")) > 0
}

// Protection is a kind of protection of memory that mmap and mprotect give.
type Protection struct {
	Name string // PROT_*
	Bits uint32
	Code string // among VmFlags in smaps
}

// Regs reads and changes the general registers in the bytes of NT_PRSTATUS.
type Regs interface {
	PC(gpr []byte) uint64
	SetPC(gpr []byte, pc uint64)
	SP(gpr []byte) uint64
	SetSP(gpr []byte, sp uint64)
	// SetCall makes gpr call nr with args when it continues at insn, the address of a system call instruction.
	SetCall(gpr []byte, insn uint64, nr int, args [6]uint64)
	// Result is the result of the call that just ended: negative errno on failure.
	Result(gpr []byte) int64
	// SetReturn makes gpr go on at pc with stack pointer sp and nothing else of its own.
	SetReturn(gpr []byte, pc, sp uint64)
	// SetReturnTo makes a function's plain return go to pc with stack pointer sp; where the ABI returns through memory, the
	// word in front of sp holds pc.
	SetReturnTo(gpr []byte, pc, sp uint64)
	// SetStub makes gpr enter the stub at entry with thread block tcb.
	SetStub(gpr []byte, entry, tcb uint64)
	// Rewind changes registers that were read inside an interrupted system call to those that the kernel would give the
	// task before it goes on, which depends on the signal that it handles first. A call that would be restarted by the kernel's
	// restart block ends in EINTR instead.
	Rewind(gpr []byte, first Handler)
	// MayResume returns the system call instruction that is at the PC of gpr if these are of an interrupted call that the kernel may be
	// going to go on with by its restart block, but does not say so; nil where a stopped thread's registers tell.
	MayResume(gpr []byte) []byte
	// Interrupt makes the call of such a gpr end in EINTR.
	Interrupt(gpr []byte)
	// Sigframe lays out the frame by which rt_sigreturn gives a thread the register sets regs (in the ABI's order, rewound)
	// and the signal mask, for address at (64-byte aligned); sp is the stack pointer to make that call with. layout is nil but
	// on x86. The word in front of sp is free: a return address that leads to sp. The frame takes the memory of room, if it has enough.
	Sigframe(room []byte, regs [][]byte, layout *XstateLayout, mask, at uint64) (frame []byte, sp uint64)
}

// Handler says what becomes of an interrupted system call.
type Handler uint8

const (
	NoHandler  Handler = iota // no signal is to be handled
	Restarts                  // one is, and its action has SA_RESTART
	Interrupts                // one is, without
)

// Stub is the machine code of the interpreter.
type Stub struct {
	Code  []byte
	Entry uint64 // offset of the entry in Code
	// Syscall finds a system call instruction; -1 if there is none in code. What these three find may bear a mark in bit 0, as addresses
	// of Thumb code do: arch.Regs takes it like that.
	Syscall func(code []byte) int
	// CallReturn finds a system call instruction that is followed by a plain return to the address on the stack. It may be nil.
	CallReturn func(code []byte) int
	// Sigreturn finds code that makes the call rt_sigreturn.
	Sigreturn func(code []byte) int
	// OldSigreturn finds code that makes the call sigreturn, to which handlers without SA_SIGINFO return; nil where there is no such call.
	OldSigreturn func(code []byte) int
	// Shim returns code, the first instructions of a fresh program, that makes calls and then enters the stub at address
	// entry with thread block tcb. It needs nothing set up and does not look at what the calls return.
	Shim func(calls []ShimCall, entry, tcb uint64) []byte
}

// ShimCall is a system call with literal arguments.
type ShimCall struct {
	Nr   int
	Args [6]uint64
}
