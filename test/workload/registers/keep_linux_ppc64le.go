//go:build linux && ppc64le

package main

import "fmt"

const vectorWords = 64 * 2 // VS0-VS63, which are F0-F31 and V0-V31 as well

// loopTAR gives the register TAR, to branch to, a value, counts loops down and returns what it has.
func loopTAR(loops, tar uint64) uint64

// keepers are those of registers that the compiler does not use.
func keepers() []keeper { return []keeper{keepTAR} }

func keepTAR() (func() error, error) {
	const tar = 0x123456789abcdef0
	return func() error {
		if got := loopTAR(loops, tar); got != tar {
			return fmt.Errorf("TAR is %#x, not %#x", got, uint64(tar))
		}
		return nil
	}, nil
}
