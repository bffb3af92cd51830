// Package ppc64 describes the ppc64le ABI. Everything in it is data or pure functions that build on any host, but for the
// files that carry a build tag. It imports nothing of the engine but arch.
package ppc64

//go:generate go run woodfrog/internal/stubgen/cmd ppc64le stub_ppc64le.s ppc64 ppc64leStub zstub.go

import (
	"debug/elf"
	"encoding/binary"

	"woodfrog/arch"
)

// Register sets (include/uapi/linux/elf.h; sizes by arch/powerpc/kernel/ptrace).
const (
	NTPrstatus = 1
	NTPrfpreg  = 2
	NTVMX      = 0x100
	NTVSX      = 0x102
	NTTAR      = 0x103
	NTPPR      = 0x104
	NTDSCR     = 0x105
	NTEBB      = 0x106
	NTTMCGPR   = 0x108
	NTTMSPR    = 0x10c
	NTHASHKEYR = 0x112
)

// PPC64LE is the ABI of little-endian tasks, ELF version 2. VSX holds the low halves of the first 32 registers, whose high
// halves are FPREG and whose second 32 are VMX.
var PPC64LE = &arch.ABI{
	Name:      "ppc64le",
	Machine:   elf.EM_PPC64,
	ELFFlags:  2, // ELF version 2 (arch/powerpc/include/asm/elf.h)
	Class:     elf.ELFCLASS64,
	AuditArch: 0xc0000015,
	TaskSize:  1 << 47, // without a hint mmap goes no higher (arch/powerpc/include/asm/task_size_64.h, DEFAULT_MAP_WINDOW)
	MmapUnit:  1,
	Nr:        ppc64leCalls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: gprSize},
		{Note: NTPrfpreg, Name: "FPREG", Size: 33 * 8},
		{Note: NTVMX, Name: "PPC_VMX", Size: 34 * 16, Optional: true},
		{Note: NTVSX, Name: "PPC_VSX", Size: 32 * 8, Optional: true},
		{Note: NTTAR, Name: "PPC_TAR", Size: 8, Optional: true},
		{Note: NTPPR, Name: "PPC_PPR", Size: 8, Optional: true, Idle: pprIdle},
		{Note: NTTMSPR, Name: "PPC_TM_SPR", Size: 3 * 8, Optional: true},  // of POWER8 and some POWER9
		{Note: NTHASHKEYR, Name: "PPC_HASHKEYR", Size: 8, Optional: true}, // of POWER10
	},
	// The kernel has these only of a thread that uses them (arch/powerpc/kernel/ptrace, tm_cgpr_get and ebb_get).
	Refused: []arch.RegSet{
		dscr,
		{Note: NTTMCGPR, Name: "PPC_TM_CGPR (it is inside a transaction)", Size: gprSize, Optional: true, Idle: none},
		{Note: NTEBB, Name: "PPC_EBB (event-based branches)", Size: 3 * 8, Optional: true, Idle: none},
	},
	Prctls: []arch.Prctl{
		{Get: 11, Set: 12}, // FPEXC: floating point exceptions, which are bits of the MSR that no tracer sets
		{Get: 5, Set: 6},   // UNALIGN: what becomes of accesses that are not aligned
	},
	BlockStep: 0x100, // arch/powerpc/include/uapi/asm/ptrace.h
	Regs:      regs{},
	VDSO:      vdso,
	Frames:    frames{},
	Stub: arch.Stub{
		Code:       ppc64leStub,
		Syscall:    findSc,
		CallReturn: callReturn,
		Sigreturn:  sigreturn,
		Shim:       shim,
	},
}

// dscr says how memory is prefetched. What a tracer sets is without effect on a thread that has not set it itself
// (arch/powerpc/kernel/process.c, restore_sprs: dscr_inherit).
var dscr = arch.RegSet{Note: NTDSCR, Name: "PPC_DSCR", Size: 8, Optional: true}

func none(b []byte) bool { return len(b) == 0 }

// pprIdle: medium priority (arch/powerpc/include/asm/reg.h, DEFAULT_PPR).
func pprIdle(b []byte) bool { return len(b) < 8 || binary.LittleEndian.Uint64(b) == 3<<50 }
