package x86

import (
	"debug/elf"
	"encoding/binary"

	"woodfrog/arch"
)

// NT386TLS are the thread's segments in the GDT, struct user_desc each.
const NT386TLS = 0x200

// I386 is the ABI of 32-bit tasks on a 64-bit kernel.
var I386 = &arch.ABI{
	Name:      "i386",
	Machine:   elf.EM_386,
	Class:     elf.ELFCLASS32,
	AuditArch: 0x40000003,
	TaskSize:  0xffffe000, // IA32_PAGE_OFFSET (arch/x86/include/asm/page_64_types.h)
	MmapUnit:  4096,
	Align64:   4,
	Compat:    true,
	Nr:        i386Calls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: 17 * 4, Fixed: true},
		{Note: NTX86Xstate, Name: "X86_XSTATE", Size: xstateMax, Head: xstateHead, Used: xstateUsed},
		{Note: NT386TLS, Name: "386_TLS", Size: 3 * 16},
	},
	Prctls:      prctls,
	Regs:        regs32{},
	VDSO:        vdso32,
	Frames:      frames32{},
	RefitXstate: refitFrames(frames32{}, 17*4),
	Lead:        lead32,
	Breakpoints: arch.DebugRegisters,
	Stub: arch.Stub{
		Code:         i386Stub,
		Syscall:      findInt80,
		CallReturn:   callReturn32,
		Sigreturn:    sigreturn32,
		OldSigreturn: oldSigreturn32,
		Shim:         shim32,
	},
}

// Indices of struct user_regs_struct32 (arch/x86/include/asm/user32.h), 4 bytes each.
const (
	eBX = iota
	eCX
	eDX
	eSI
	eDI
	eBP
	eAX
	eDS
	eES
	eFS
	eGS
	eOrigAX
	eIP
	eCS
	eFlags
	eSP
	eSS
)

type regs32 struct{}

func get32(gpr []byte, i int) uint64    { return uint64(binary.LittleEndian.Uint32(gpr[i*4:])) }
func set32(gpr []byte, i int, v uint64) { binary.LittleEndian.PutUint32(gpr[i*4:], uint32(v)) }

func (regs32) PC(gpr []byte) uint64        { return get32(gpr, eIP) }
func (regs32) SetPC(gpr []byte, pc uint64) { set32(gpr, eIP, pc) }
func (regs32) SP(gpr []byte) uint64        { return get32(gpr, eSP) }
func (regs32) SetSP(gpr []byte, sp uint64) { set32(gpr, eSP, sp) }
func (regs32) Result(gpr []byte) int64     { return int64(int32(get32(gpr, eAX))) }

func (r regs32) SetCall(gpr []byte, insn uint64, nr int, args [6]uint64) {
	for i, e := range [6]int{eBX, eCX, eDX, eSI, eDI, eBP} {
		set32(gpr, e, args[i])
	}
	set32(gpr, eAX, uint64(nr))
	r.jump(gpr, insn)
}

func (r regs32) SetReturn(gpr []byte, pc, sp uint64) {
	set32(gpr, eSP, sp)
	r.jump(gpr, pc)
}

func (regs32) SetReturnTo(gpr []byte, _, sp uint64) { set32(gpr, eSP, sp-4-vsyscallPops) }

func (r regs32) SetStub(gpr []byte, entry, tcb uint64) {
	set32(gpr, eAX, tcb)
	r.jump(gpr, entry)
}

func (regs32) jump(gpr []byte, pc uint64) {
	set32(gpr, eIP, pc)
	set32(gpr, eOrigAX, noCall)
	set32(gpr, eFlags, get32(gpr, eFlags)&^(flagTF|flagDF))
}

// Rewind: see regs64. int $0x80 and sysenter, whose return address the vDSO's int $0x80 precedes, are two bytes both.
func (regs32) Rewind(gpr []byte, first arch.Handler) {
	if int32(get32(gpr, eOrigAX)) < 0 {
		return
	}
	again, interrupted := arch.Restart(int64(int32(get32(gpr, eAX))), first)
	switch {
	case again:
		set32(gpr, eAX, get32(gpr, eOrigAX))
		set32(gpr, eIP, get32(gpr, eIP)-2)
	case interrupted:
		set32(gpr, eAX, negative(eintr))
	}
	set32(gpr, eOrigAX, noCall)
}

func (regs32) MayResume([]byte) []byte { return nil }
func (regs32) Interrupt([]byte)        {}
