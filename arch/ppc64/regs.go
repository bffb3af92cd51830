package ppc64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Indices of NT_PRSTATUS (arch/powerpc/include/uapi/asm/ptrace.h, PT_*), 8 bytes each.
const (
	rR0     = 0
	rR1     = 1
	rR3     = 3
	rR14    = 14
	rNIP    = 32
	rMSR    = 33
	rOrigR3 = 34
	rLink   = 36
	rCCR    = 38
	rTrap   = 40

	gprSize = 48 * 8
)

const (
	ccrSO    = 0x10000000 // summary overflow of CR0: the call failed
	trapCall = 0xc00      // sc
	trapSCV  = 0x3000     // scv 0, whose result is a negative errno
)

const eintr = 4

const insnSize = 4

type regs struct{}

func get(gpr []byte, i int) uint64    { return binary.LittleEndian.Uint64(gpr[i*8:]) }
func set(gpr []byte, i int, v uint64) { binary.LittleEndian.PutUint64(gpr[i*8:], v) }

func (regs) PC(gpr []byte) uint64        { return get(gpr, rNIP) }
func (regs) SetPC(gpr []byte, pc uint64) { set(gpr, rNIP, pc) }
func (regs) SP(gpr []byte) uint64        { return get(gpr, rR1) }
func (regs) SetSP(gpr []byte, sp uint64) { set(gpr, rR1, sp) }

// Result is that of a call by sc.
func (regs) Result(gpr []byte) int64 {
	r := int64(get(gpr, rR3))
	if get(gpr, rCCR)&ccrSO != 0 {
		return -r
	}
	return r
}

func (r regs) SetCall(gpr []byte, insn uint64, nr int, args [6]uint64) {
	set(gpr, rR0, uint64(nr))
	for i, v := range args {
		set(gpr, rR3+i, v)
	}
	r.jump(gpr, insn)
}

func (r regs) SetReturn(gpr []byte, pc, sp uint64) {
	set(gpr, rR1, sp)
	r.jump(gpr, pc)
}

func (regs) SetReturnTo(gpr []byte, pc, sp uint64) {
	set(gpr, rLink, pc)
	set(gpr, rR1, sp)
}

func (r regs) SetStub(gpr []byte, entry, tcb uint64) {
	set(gpr, rR14, tcb)
	r.jump(gpr, entry)
}

// jump also says that there is no call to restart (arch/powerpc/kernel/signal.c, check_syscall_restart).
func (regs) jump(gpr []byte, pc uint64) {
	set(gpr, rNIP, pc)
	set(gpr, rTrap, 0)
}

// Rewind does what check_syscall_restart would.
func (regs) Rewind(gpr []byte, first arch.Handler) {
	r3, trap := int64(get(gpr, rR3)), get(gpr, rTrap)
	set(gpr, rTrap, 0)
	switch {
	case trap == trapCall && get(gpr, rCCR)&ccrSO != 0:
		r3 = -r3
	case trap == trapSCV && r3 < 0:
	default:
		return
	}
	again, interrupted := arch.Restart(r3, first)
	switch {
	case again:
		set(gpr, rR3, get(gpr, rOrigR3))
		set(gpr, rNIP, get(gpr, rNIP)-insnSize)
		set(gpr, rCCR, get(gpr, rCCR)&^ccrSO)
	case interrupted && trap == trapSCV:
		set(gpr, rR3, ^uint64(eintr)+1)
	case interrupted:
		set(gpr, rR3, eintr)
	}
}

// MayResume is nil: r3 tells.
func (regs) MayResume([]byte) []byte { return nil }
func (regs) Interrupt([]byte)        {}
