//go:build linux && ppc64le

package main

import (
	"fmt"
	"reflect"

	"golang.org/x/sys/unix"
)

const vectorWords = 64 * 2 // VS0-VS63, which are F0-F31 and V0-V31 as well

// loopTAR gives the register TAR, to branch to, a value, counts loops down and returns what it has.
func loopTAR(loops, tar uint64) uint64

// keepers are those of registers that the compiler does not use.
func keepers() []keeper {
	return []keeper{keepTAR, keepState(unix.PR_SET_FPEXC, unix.PR_GET_FPEXC, fpexcPrecise), keepState(unix.PR_SET_UNALIGN, unix.PR_GET_UNALIGN, unix.PR_UNALIGN_SIGBUS)}
}

const fpexcPrecise = 3 // PR_FP_EXC_PRECISE

// keepState keeps a state of the thread that prctl(2) sets, and tells into a word.
func keepState(set, get int, want uint32) keeper {
	return func() (func() error, error) {
		err := unix.Prctl(set, uintptr(want), 0, 0, 0)
		return func() error {
			pause()
			got := new(uint32)
			if err := unix.Prctl(get, reflect.ValueOf(got).Pointer(), 0, 0, 0); err != nil || *got != want {
				return fmt.Errorf("prctl %d is %d, not %d: %w", get, *got, want, err)
			}
			return nil
		}, err
	}
}

func keepTAR() (func() error, error) {
	const tar = 0x123456789abcdef0
	return func() error {
		if got := loopTAR(loops, tar); got != tar {
			return fmt.Errorf("TAR is %#x, not %#x", got, uint64(tar))
		}
		return nil
	}, nil
}
