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

	svePT = 16 + 32*256 + 17*32 + 16 // SVE_PT_SIZE of the longest vectors: header, Z, P and FFR, FPSR and FPCR
)

// AArch64 is the ABI of 64-bit tasks. SVE is set after FPREG, which zeroes what it does not hold of the Z registers. Without
// their keys the pointers that a task has signed would all be wrong.
var AArch64 = &arch.ABI{
	Name:      "aarch64",
	Machine:   elf.EM_AARCH64,
	Class:     elf.ELFCLASS64,
	AuditArch: 0xc00000b7,
	TaskSize:  1 << 48, // without a hint mmap goes no higher (arch/arm64/include/asm/processor.h, DEFAULT_MAP_WINDOW_64)
	MmapUnit:  1,
	Refit:     refit,
	Nr:        aarch64Calls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: gprSize},
		{Note: NTPrfpreg, Name: "FPREG", Size: fpsimdSize},
		{Note: NTTLS, Name: "ARM_TLS", Size: 16}, // TPIDR_EL0; since Linux 5.16 or so TPIDR2_EL0 too
		{Note: NTSVE, Name: "ARM_SVE", Size: svePT, Optional: true, Varies: true, Idle: sveIdle},
		{Note: NTPacMask, Name: "ARM_PAC_MASK", Size: 16, Optional: true, ReadOnly: true},
		{Note: NTPacaKeys, Name: "ARM_PACA_KEYS", Size: 64, Optional: true},
		{Note: NTPacgKeys, Name: "ARM_PACG_KEYS", Size: 16, Optional: true},
		{Note: NTTaggedAddrCtrl, Name: "ARM_TAGGED_ADDR_CTRL", Size: 8, Optional: true},
		{Note: NTPacEnabledKeys, Name: "ARM_PAC_ENABLED_KEYS", Size: 8, Optional: true},
	},
	Refused: []arch.RegSet{
		{Note: ntSSVE, Name: "streaming SVE", Size: smeHeader, Optional: true, Idle: smeIdle},
		{Note: ntZA, Name: "ZA", Size: smeHeader, Optional: true, Idle: smeIdle},
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

// Registers of SME (include/uapi/linux/elf.h), of which a thread outside of streaming mode, or with ZA off, shows a header alone
// (arch/arm64/kernel/ptrace.c, sve_init_header_from_task, za_get).
const (
	ntSSVE    = 0x40b
	ntZA      = 0x40c
	smeHeader = 16 // struct user_sve_header, struct user_za_header
)

func smeIdle(b []byte) bool {
	return len(b) < smeHeader || binary.LittleEndian.Uint32(b) <= smeHeader
}

// sveIdle: FPREG has all there is (SVE_PT_REGS_FPSIMD).
func sveIdle(b []byte) bool {
	return len(b) < sveHeader || binary.LittleEndian.Uint16(b[12:])&1 != sveRegsInUse
}
