// Package x86 describes the ABIs of x86 processors: x86_64 and i386. Everything in it is data or pure functions that build
// on any host, but for the files that carry a build tag. It imports nothing of the engine but arch.
package x86

//go:generate go run woodfrog/internal/stubgen/cmd amd64 stub_amd64.s x86 x86_64Stub zstub_x86_64.go
//go:generate go run woodfrog/internal/stubgen/cmd 386 stub_386.s x86 i386Stub zstub_i386.go

import (
	"debug/elf"

	"woodfrog/arch"
)

// Register sets (include/uapi/linux/elf.h). NT_X86_XSTATE's size depends on the processor; 512 + 64 bytes and the AMX tiles
// make 11008 today, the kernel says how much there is. What is in front of those ends at 2760.
const (
	NTPrstatus  = 1
	NTX86Xstate = 0x202
	xstateMax   = 32 << 10
	xstateHead  = 3 << 10
)

// prctls: TSC, what becomes of the instruction that reads the time stamp counter; PR_TSC_ENABLE is that of a fresh thread.
var prctls = []arch.Prctl{{Get: 25, Set: 26, Fresh: 1}}

// X86_64 is the ABI of 64-bit tasks.
var X86_64 = &arch.ABI{
	Name:      "x86_64",
	Machine:   elf.EM_X86_64,
	Class:     elf.ELFCLASS64,
	AuditArch: 0xc000003e,
	TaskSize:  1<<47 - 4096, // TASK_SIZE_MAX, 4-level page tables (arch/x86/include/asm/page_64.h)
	MmapUnit:  1,
	Nr:        x86_64Calls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: 27 * 8, Fixed: true},
		{Note: NTX86Xstate, Name: "X86_XSTATE", Size: xstateMax, Head: xstateHead, Used: xstateUsed},
	},
	Prctls:      prctls,
	Regs:        regs64{},
	VDSO:        vdso64,
	Frames:      frames64{},
	RefitXstate: refitFrames(frames64{}, 27*8),
	Lead:        lead64,
	Breakpoints: arch.DebugRegisters,
	EpollPacked: true,
	Stub: arch.Stub{
		Code:       x86_64Stub,
		Syscall:    findSyscall,
		CallReturn: callReturn64,
		Sigreturn:  sigreturn64,
		Shim:       shim64,
	},
}
