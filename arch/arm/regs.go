package arm

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Indices of struct pt_regs (arch/arm/include/uapi/asm/ptrace.h), 4 bytes each.
const (
	rR0     = 0
	rR7     = 7
	rR8     = 8
	rSP     = 13
	rLR     = 14
	rPC     = 15
	rCPSR   = 16
	rOrigR0 = 17

	gprSize = 18 * 4
	vfpSize = 32*8 + 4
)

// Bits of CPSR: Thumb state and where an IT block is, Jazelle state, big-endian data (SETEND).
const (
	cpsrThumb = 1 << 5
	cpsrBig   = 1 << 9
	cpsrState = cpsrThumb | 0x0600fc00 | 1<<24 | cpsrBig
)

const (
	eintr             = -4
	sysRestartSyscall = 0
	sysPoll           = 168
	sysFutex          = 240
	sysNanosleep      = 162
	sysClockNanosleep = 265
	sysClockNano64    = 407
	sysFutexTime64    = 422
	insnSize          = 4
)

type regs struct{}

func get(gpr []byte, i int) uint64    { return uint64(binary.LittleEndian.Uint32(gpr[i*4:])) }
func set(gpr []byte, i int, v uint64) { binary.LittleEndian.PutUint32(gpr[i*4:], uint32(v)) }

func (regs) PC(gpr []byte) uint64        { return get(gpr, rPC) }
func (regs) SetPC(gpr []byte, pc uint64) { set(gpr, rPC, pc) }
func (regs) SP(gpr []byte) uint64        { return get(gpr, rSP) }
func (regs) SetSP(gpr []byte, sp uint64) { set(gpr, rSP, sp) }
func (regs) Result(gpr []byte) int64     { return int64(int32(get(gpr, rR0))) }

func (r regs) SetCall(gpr []byte, insn uint64, nr int, args [6]uint64) {
	for i, v := range args {
		set(gpr, rR0+i, v)
	}
	set(gpr, rR7, uint64(nr))
	r.jump(gpr, insn)
}

func (r regs) SetReturn(gpr []byte, pc, sp uint64) {
	set(gpr, rSP, sp)
	r.jump(gpr, pc)
}

func (regs) SetReturnTo(gpr []byte, pc, sp uint64) {
	set(gpr, rLR, pc)
	set(gpr, rSP, sp)
}

func (r regs) SetStub(gpr []byte, entry, tcb uint64) {
	set(gpr, rR8, tcb)
	r.jump(gpr, entry)
}

// jump goes to code, of Thumb if its address is marked so.
func (regs) jump(gpr []byte, pc uint64) {
	state := get(gpr, rCPSR) &^ cpsrState
	if pc&thumb != 0 {
		state |= cpsrThumb
	}
	set(gpr, rPC, pc&^thumb)
	set(gpr, rCPSR, state)
}

// Rewind has nothing to do: the kernel rewinds before it stops for a tracer (arch/arm/kernel/signal.c, do_signal).
func (regs) Rewind([]byte, arch.Handler) {}

// MayResume is arch.Regs: see there and arch/aarch64. The last two are the calls with 64-bit times.
func (regs) MayResume(gpr []byte) []byte {
	const timeout = 3 // the argument of futex
	insn := svc
	if get(gpr, rCPSR)&cpsrThumb != 0 {
		insn = svcThumb
	}
	switch get(gpr, rR7) {
	case sysNanosleep, sysClockNanosleep, sysClockNano64, sysPoll, sysRestartSyscall:
		return insn
	case sysFutex, sysFutexTime64:
		if get(gpr, rR0+timeout) != 0 {
			return insn
		}
	}
	return nil
}

func (regs) Interrupt(gpr []byte) {
	n := int64(eintr)
	set(gpr, rR0, uint64(n))
	size := len(svc)
	if get(gpr, rCPSR)&cpsrThumb != 0 {
		size = len(svcThumb)
	}
	set(gpr, rPC, get(gpr, rPC)+uint64(size))
}
