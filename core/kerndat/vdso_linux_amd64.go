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
