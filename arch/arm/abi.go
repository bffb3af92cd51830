// Package arm describes the arm ABI (EABI). Everything in it is data or pure functions that build on any host, but for the
// files that carry a build tag. It imports nothing of the engine but arch.
package arm

//go:generate go run woodfrog/internal/stubgen/cmd arm stub_arm.s arm armStub zstub.go

import (
	"debug/elf"

	"woodfrog/arch"
)

// Register sets (include/uapi/linux/elf.h).
const (
	NTPrstatus = 1
	NTVFP      = 0x400
	NTTLS      = 0x401 // of the kernels of arm64 only; for those of arm the name in the image

	getThreadArea = 22 // PTRACE_GET_THREAD_AREA, arch/arm/include/uapi/asm/ptrace.h
)

// onArm64Size is where [vectors] is (arch/arm64/include/asm/processor.h, AARCH32_VECTORS_BASE), below which an arm64 kernel puts the stack of an arm
// program, whatever its personality.
const onArm64Size = 0xffff0000

// Arm is the ABI of tasks on an arm kernel. NT_PRFPREG, the state of the FPA that no processor has any more, is left out:
// to write it is a BUG in the kernel (6.12).
var Arm = &arch.ABI{
	Name:      "arm",
	Machine:   elf.EM_ARM,
	ELFFlags:  0x5000400,  // EABI 5, hard float
	ELFNeeds:  0xff000000, // EF_ARM_EABIMASK: 0 is OABI (arch/arm/include/asm/elf.h)
	Class:     elf.ELFCLASS32,
	AuditArch: 0x40000028,
	TaskSize:  0xbf000000, // 3G for user space, less the modules' 16M (arch/arm/include/asm/memory.h)
	Elsewhere: onArm64Size,
	MmapUnit:  4096,
	EvenPairs: true,

	RestartHidden: true,
	Refit:         refit,
	Lead:          lead,
	Breakpoints:   arch.BreakpointPairs,
	NoStep:        true, // arch/arm/kernel/ptrace.c
	Nr:            armCalls,
	RegSets: []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: gprSize},
		{Note: NTVFP, Name: "ARM_VFP", Size: vfpSize, Optional: true},
		{Note: NTTLS, Name: "ARM_TLS", Size: 4, Request: getThreadArea, Setter: arch.SysSetTls},
	},
	Regs:   regs{},
	VDSO:   vdso,
	Frames: frames{},
	Stub: arch.Stub{
		Code:       armStub,
		Syscall:    findSvc,
		CallReturn: callReturn,
		Sigreturn:  sigreturn,
		Shim:       shim,
	},
}

// OnArm64 is the ABI of arm tasks on an arm64 kernel. Its [vectors], at the very end of the address space, is there after exec and stays; and what
// restart_syscall goes on with shows (arch/arm64/kernel/signal.c, setup_restart_syscall).
var OnArm64 = func() *arch.ABI {
	abi := *Arm
	abi.TaskSize, abi.Elsewhere = onArm64Size, 0
	abi.Compat, abi.OwnImages = true, true
	abi.RestartHidden = false
	abi.Breakpoints, abi.NoStep = arch.BreakpointNote, false
	abi.RegSets = []arch.RegSet{
		{Note: NTPrstatus, Name: "PRSTATUS", Size: gprSize, Fixed: true},
		{Note: NTVFP, Name: "ARM_VFP", Size: vfpSize, Optional: true},
		{Note: NTTLS, Name: "ARM_TLS", Size: 4},
	}
	return &abi
}()
