//go:build linux && amd64

package kerndat

import (
	"errors"

	"golang.org/x/sys/unix"
)

// probeMapVDSO asks for the 64-bit vDSO where there is one: EEXIST (arch/x86/entry/vdso/vma.c, map_vdso_once). Without
// CONFIG_CHECKPOINT_RESTORE the code is unknown: EINVAL. A process that was started without a vDSO gets one; it is left.
func probeMapVDSO() (bool, error) {
	const archMapVDSO64 = 0x2003 // arch/x86/include/uapi/asm/prctl.h
	_, _, e := unix.Syscall(unix.SYS_ARCH_PRCTL, archMapVDSO64, 0, 0)
	if e == 0 || errors.Is(e, unix.EEXIST) {
		return true, nil
	}
	return unless(e, nil, []error{unix.EINVAL})
}

// moveInTracee has a stopped child mremap an area, by a system call instruction that is in it.
func moveInTracee(pid int, from, size, to uint64) error {
	insn, err := syscallIn(pid, from, size, []byte{0x0f, 0x05})
	if err != nil {
		return err
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	regs.Rip, regs.Rax, regs.Orig_rax = insn, unix.SYS_MREMAP, ^uint64(0)
	regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8 = from, size, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, to
	if err := unix.PtraceSetRegs(pid, &regs); err != nil {
		return err
	}
	if err := callStop(pid); err != nil {
		return err
	}
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	if regs.Rax != to {
		return unix.Errno(-regs.Rax)
	}
	return nil
}
