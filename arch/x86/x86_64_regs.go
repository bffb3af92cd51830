package x86

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Indices of struct user_regs_struct (arch/x86/include/asm/user_64.h), 8 bytes each.
const (
	rR15 = iota
	rR14
	rR13
	rR12
	rBP
	rBX
	rR11
	rR10
	rR9
	rR8
	rAX
	rCX
	rDX
	rSI
	rDI
	rOrigAX
	rIP
	rCS
	rFlags
	rSP
	rSS
	rFSBase
	rGSBase
	rDS
	rES
	rFS
	rGS
)

const (
	flagTF = 1 << 8
	flagDF = 1 << 10
)

const eintr = -4

const noCall = ^uint64(0)

type regs64 struct{}

func get(gpr []byte, i int) uint64    { return binary.LittleEndian.Uint64(gpr[i*8:]) }
func set(gpr []byte, i int, v uint64) { binary.LittleEndian.PutUint64(gpr[i*8:], v) }

func (regs64) PC(gpr []byte) uint64        { return get(gpr, rIP) }
func (regs64) SetPC(gpr []byte, pc uint64) { set(gpr, rIP, pc) }
func (regs64) SP(gpr []byte) uint64        { return get(gpr, rSP) }
func (regs64) SetSP(gpr []byte, sp uint64) { set(gpr, rSP, sp) }
func (regs64) Result(gpr []byte) int64     { return int64(get(gpr, rAX)) }

func (regs64) SetCall(gpr []byte, insn uint64, nr int, args [6]uint64) {
	for i, r := range [6]int{rDI, rSI, rDX, rR10, rR8, rR9} {
		set(gpr, r, args[i])
	}
	set(gpr, rAX, uint64(nr))
	set(gpr, rOrigAX, noCall)
	set(gpr, rIP, insn)
	set(gpr, rFlags, get(gpr, rFlags)&^(flagTF|flagDF))
}

func (regs64) SetReturn(gpr []byte, pc, sp uint64) {
	set(gpr, rIP, pc)
	set(gpr, rSP, sp)
	set(gpr, rOrigAX, noCall)
	set(gpr, rFlags, get(gpr, rFlags)&^(flagTF|flagDF))
}

func (regs64) SetReturnTo(gpr []byte, _, sp uint64) { set(gpr, rSP, sp-8) }

func (regs64) SetStub(gpr []byte, entry, tcb uint64) {
	set(gpr, rR15, tcb)
	set(gpr, rIP, entry)
	set(gpr, rOrigAX, noCall)
	set(gpr, rFlags, get(gpr, rFlags)&^(flagTF|flagDF))
}

// Rewind: see arch_do_signal_or_restart in arch/x86/kernel/signal.c.
func (regs64) Rewind(gpr []byte, first arch.Handler) {
	if int64(get(gpr, rOrigAX)) < 0 {
		return
	}
	again, interrupted := arch.Restart(int64(get(gpr, rAX)), first)
	switch {
	case again:
		set(gpr, rAX, get(gpr, rOrigAX))
		set(gpr, rIP, get(gpr, rIP)-2)
	case interrupted:
		set(gpr, rAX, negative(eintr))
	}
	set(gpr, rOrigAX, noCall)
}

// MayResume is nil: rax tells.
func (regs64) MayResume([]byte) []byte { return nil }
func (regs64) Interrupt([]byte)        {}

// shim64 is, for each call, movabs of the arguments to rdi, rsi, rdx, r10, r8, r9 and of the number to rax, then syscall;
// at the end movabs r15, tcb; movabs rax, entry; jmp rax (Intel SDM vol. 2, MOV, B8+rd io with REX.W).
func shim64(calls []arch.ShimCall, entry, tcb uint64) []byte {
	var b []byte
	movabs := func(rex, op byte, v uint64) { b = binary.LittleEndian.AppendUint64(append(b, rex, op), v) }
	for _, c := range calls {
		for i, r := range [6][2]byte{{0x48, 0xbf}, {0x48, 0xbe}, {0x48, 0xba}, {0x49, 0xba}, {0x49, 0xb8}, {0x49, 0xb9}} {
			movabs(r[0], r[1], c.Args[i])
		}
		movabs(0x48, 0xb8, uint64(c.Nr))
		b = append(b, 0x0f, 0x05)
	}
	movabs(0x49, 0xbf, tcb)
	movabs(0x48, 0xb8, entry)
	return append(b, 0xff, 0xe0)
}

func negative(errno int64) uint64 { return uint64(errno) }
