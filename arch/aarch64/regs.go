package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Indices of struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h), 8 bytes each.
const (
	rX0     = 0
	rX8     = 8
	rX19    = 19
	rX30    = 30
	rSP     = 31
	rPC     = 32
	rPstate = 33

	gprSize = 34 * 8
)

// Bits of PSTATE: the branch type, which a jump of ours must not leave for a BTI page to see, and the single step.
const (
	pstateBType = 3 << 10
	pstateSS    = 1 << 21
)

const (
	eintr             = -4
	sysRestartSyscall = 128
	sysFutex          = 98
	sysNanosleep      = 101
	sysClockNanosleep = 115
	insnSize          = 4
)

type regs struct{}

func get(gpr []byte, i int) uint64    { return binary.LittleEndian.Uint64(gpr[i*8:]) }
func set(gpr []byte, i int, v uint64) { binary.LittleEndian.PutUint64(gpr[i*8:], v) }

func (regs) PC(gpr []byte) uint64        { return get(gpr, rPC) }
func (regs) SetPC(gpr []byte, pc uint64) { set(gpr, rPC, pc) }
func (regs) SP(gpr []byte) uint64        { return get(gpr, rSP) }
func (regs) SetSP(gpr []byte, sp uint64) { set(gpr, rSP, sp) }
func (regs) Result(gpr []byte) int64     { return int64(get(gpr, rX0)) }

func (r regs) SetCall(gpr []byte, insn uint64, nr int, args [6]uint64) {
	for i, v := range args {
		set(gpr, rX0+i, v)
	}
	set(gpr, rX8, uint64(nr))
	r.jump(gpr, insn)
}

func (r regs) SetReturn(gpr []byte, pc, sp uint64) {
	set(gpr, rSP, sp)
	r.jump(gpr, pc)
}

func (regs) SetReturnTo(gpr []byte, pc, sp uint64) {
	set(gpr, rX30, pc)
	set(gpr, rSP, sp)
}

func (r regs) SetStub(gpr []byte, entry, tcb uint64) {
	set(gpr, rX19, tcb)
	r.jump(gpr, entry)
}

func (regs) jump(gpr []byte, pc uint64) {
	set(gpr, rPC, pc)
	set(gpr, rPstate, get(gpr, rPstate)&^(pstateBType|pstateSS))
}

// Rewind has nothing to do: the kernel rewinds before it stops for a tracer (arch/arm64/kernel/signal.c, do_signal).
func (regs) Rewind([]byte, arch.Handler) {}

// MayResume is arch.Regs. The kernel turns such a call into restart_syscall only after the stop, and shows the call's own number
// until then. nanosleep, clock_nanosleep and futex with a time-out are those that it does so with (fs and kernel, users of
// set_restart_fn; poll is not of this ABI).
func (regs) MayResume(gpr []byte) []byte {
	const timeout = 3 // the argument of futex
	switch get(gpr, rX8) {
	case sysNanosleep, sysClockNanosleep, sysRestartSyscall:
		return svc
	case sysFutex:
		if get(gpr, rX0+timeout) != 0 {
			return svc
		}
	}
	return nil
}

func (regs) Interrupt(gpr []byte) {
	set(gpr, rX0, negative(eintr))
	set(gpr, rPC, get(gpr, rPC)+insnSize)
}

func negative(errno int64) uint64 { return uint64(errno) }
