//go:build linux && arm64

package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Features of processors (arch/arm64/include/uapi/asm/hwcap.h), which the auxiliary vector tells (include/uapi/linux/auxvec.h).
const (
	atHwcap, atHwcap2 = 16, 26

	hwcapSVE  = 1 << 22
	hwcapPACA = 1 << 30
	hwcapPACG = 1 << 31
	hwcapBTI  = 1 << 17
	hwcapMTE  = 1 << 18
	hwcapSME  = 1 << 23
)

// keepers are those of what only some processors have.
func keepers() (list []keeper) {
	caps := map[uint64]uint64{}
	auxv, err := os.ReadFile("/proc/self/auxv")
	for ; err == nil && len(auxv) >= 16; auxv = auxv[16:] {
		caps[binary.LittleEndian.Uint64(auxv)] = binary.LittleEndian.Uint64(auxv[8:])
	}
	for _, f := range []struct {
		caps, bits uint64
		keep       []keeper
	}{
		{caps[atHwcap], hwcapSVE, []keeper{keepSVE, idle(unix.PR_SVE_SET_VL, unix.PR_SVE_GET_VL)}},
		{caps[atHwcap2], hwcapSME, []keeper{keepStreaming, keepZA, idle(unix.PR_SME_SET_VL, unix.PR_SME_GET_VL)}},
		{caps[atHwcap], hwcapPACA | hwcapPACG, []keeper{keepKeys}},
		{caps[atHwcap2], hwcapBTI, []keeper{keepBranchTargets}},
		{caps[atHwcap2], hwcapMTE, []keeper{keepTags}},
	} {
		if f.caps&f.bits == f.bits {
			list = append(list, f.keep...)
		}
	}
	return list
}

// prctl returns what the call does.
func prctl(option int, args ...uintptr) (int, error) {
	var a [4]uintptr
	copy(a[:], args)
	got, _, e := unix.RawSyscall6(unix.SYS_PRCTL, uintptr(option), a[0], a[1], a[2], a[3], 0)
	if e != 0 {
		return 0, fmt.Errorf("prctl %d: %w", option, e)
	}
	return int(got), nil
}

// same says whether prctl still returns what it did.
func same(option, want int) error {
	if got, err := prctl(option); err != nil || got != want {
		return fmt.Errorf("prctl %d is %#x, not %#x: %w", option, got, want, err)
	}
	return nil
}
