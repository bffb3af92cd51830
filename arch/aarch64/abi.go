// Package aarch64 describes the aarch64 ABI. Everything in it is data or pure functions that build on any host, but for the
// files that carry a build tag. It imports nothing of the engine but arch and arch/arm.
package aarch64

//go:generate go run woodfrog/internal/stubgen/cmd arm64 stub_arm64.s aarch64 aarch64Stub zstub.go

import (
	"debug/elf"
	"encoding/binary"

	"woodfrog/arch"
)

// Register sets (include/uapi/linux/elf.h; sizes in arch/arm64/include/uapi/asm/ptrace.h).
const (
	NTPrstatus       = 1
	NTPrfpreg        = 2
	NTTLS            = 0x401
	NTSVE            = 0x405
	NTPacMask        = 0x406
	NTPacaKeys       = 0x407
	NTPacgKeys       = 0x408
	NTTaggedAddrCtrl = 0x409
	NTPacEnabledKeys = 0x40a
	NTSSVE           = 0x40b // streaming SVE
	NTZA             = 0x40c
	NTZT             = 0x40d
	NTFPMR           = 0x40e
	NTPOE            = 0x40f
	NTGCS            = 0x410

	svePT = sveHeader + 32*256 + 17*32 + 16 // SVE_PT_SIZE of the longest vectors: header, Z, P and FFR, FPSR and FPCR
	zaPT  = sveHeader + 256*256             // ZA_PT_SIZE
	ztPT  = 64
)

// AArch64 is the ABI of 64-bit tasks. SVE is set after FPREG, which zeroes what it does not hold of the Z registers. Streaming SVE comes
// last of the vectors: setting it enters streaming mode, setting others of them leaves it; ZA, before it, sets the length of its vectors. How
// long vectors are is kept where none is in use: a program may have counted on it. Without their keys the pointers that a task has signed
// would all be wrong.
var AArch64 = &arch.ABI{
	Name:        "aarch64",
	Machine:     elf.EM_AARCH64,
	Class:       elf.ELFCLASS64,
	AuditArch:   0xc00000b7,
	TaskSize:    1 << 48, // without a hint mmap goes no higher (arch/arm64/include/asm/processor.h, DEFAULT_MAP_WINDOW_64)
	MmapUnit:    1,
	Refit:       refit,
	Lead:        lead,
	Breakpoints: arch.BreakpointNote,
	Nr:          aarch64Calls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: gprSize},
		{Note: NTPrfpreg, Name: "FPREG", Size: fpsimdSize},
		{Note: NTTLS, Name: "ARM_TLS", Size: 16}, // TPIDR_EL0; since Linux 5.16 or so TPIDR2_EL0 too
		setSVE:                                   {Note: NTSVE, Name: "ARM_SVE", Size: svePT, Optional: true, Varies: true, Fleeting: true, Idle: sveIdle, Kept: vectorLength},
		{Note: NTZA, Name: "ARM_ZA", Size: zaPT, Optional: true, Varies: true, Idle: zaIdle, Kept: vectorLength, Head: sveHeader, Used: zaUsed},
		setSSVE: {Note: NTSSVE, Name: "ARM_SSVE", Size: svePT, Optional: true, Varies: true, Fleeting: true, Idle: sveIdle},
		{Note: NTZT, Name: "ARM_ZT", Size: ztPT, Optional: true},
		{Note: NTFPMR, Name: "ARM_FPMR", Size: 8, Optional: true},
		{Note: NTPOE, Name: "ARM_POE", Size: 8, Optional: true, Idle: poeIdle},
		{Note: NTPacMask, Name: "ARM_PAC_MASK", Size: 16, Optional: true, ReadOnly: true},
		{Note: NTPacaKeys, Name: "ARM_PACA_KEYS", Size: 64, Optional: true},
		{Note: NTPacgKeys, Name: "ARM_PACG_KEYS", Size: 16, Optional: true},
		{Note: NTTaggedAddrCtrl, Name: "ARM_TAGGED_ADDR_CTRL", Size: 8, Optional: true},
		{Note: NTPacEnabledKeys, Name: "ARM_PAC_ENABLED_KEYS", Size: 8, Optional: true},
	},
	Refused: []arch.RegSet{
		{Note: NTGCS, Name: "ARM_GCS (guarded control stack)", Size: 24, Optional: true},
	},
	Protections: []arch.Protection{ // arch/arm64/include/uapi/asm/mman.h
		{Name: "PROT_BTI", Bits: 0x10, Code: "bt"},
		{Name: "PROT_MTE", Bits: 0x20, Code: "mt"},
	},
	Regs:   regs{},
	VDSO:   vdso,
	Frames: frames{},
	Stub: arch.Stub{
		Code:       aarch64Stub,
		Syscall:    findSvc,
		CallReturn: callReturn,
		Sigreturn:  sigreturn,
		Shim:       shim,
	},
}

// Places of sets in the table.
const (
	setSVE  = 3
	setSSVE = 5
)

// sveIdle: FPREG has all there is (SVE_PT_REGS_FPSIMD), or the thread is in the other mode, streaming or not, and there is a header alone
// (arch/arm64/kernel/ptrace.c, sve_init_header_from_task).
func sveIdle(b []byte) bool {
	return len(b) <= sveHeader || binary.LittleEndian.Uint16(b[12:])&1 != sveRegsInUse
}

// zaIdle: ZA is off, and there is a header alone, as it says itself (arch/arm64/kernel/ptrace.c, za_get).
func zaIdle(b []byte) bool { return len(b) < sveHeader || binary.LittleEndian.Uint32(b) <= sveHeader }

// zaUsed is what its header says.
func zaUsed(b []byte, _ *arch.XstateLayout) int {
	if len(b) < sveHeader {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

// vectorLength is the header of the set (struct user_sve_header, struct user_za_header) with nothing but the length of vectors, and whether
// programs inherit that (SVE_PT_VL_INHERIT).
func vectorLength(b []byte) []byte {
	if len(b) < sveHeader {
		return nil
	}
	le := binary.LittleEndian
	h := make([]byte, sveHeader)
	le.PutUint32(h, sveHeader)
	copy(h[8:10], b[8:10])
	le.PutUint16(h[12:], le.Uint16(b[12:])&^sveRegsInUse)
	return h
}

// poeIdle: key 0, which all memory has that has no other, allows everything (arch/arm64/include/asm/por.h, POR_EL0_INIT).
func poeIdle(b []byte) bool { return len(b) < 8 || binary.LittleEndian.Uint64(b) == 7 }
