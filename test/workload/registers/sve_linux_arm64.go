//go:build linux && arm64

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// An sve is Z0-Z31 and P0-P15 of any length.
type sve struct{ z, p [32 * 256]byte }

// loopSVE loads the registers from in, counts loops down and stores them to out.
func loopSVE(loops uint64, in, out *sve)

// Lengths of vectors that are not the default, bytes: those of a thread that uses them, and of one that does not. A signal frame has no
// room for the former.
const usedVL, idleVL = 128, 32

const lengthOf = 0xffff // PR_SVE_VL_LEN_MASK, PR_SME_VL_LEN_MASK

func keepSVE() (func() error, error) {
	if _, err := prctl(unix.PR_SVE_SET_VL, usedVL); err != nil {
		return nil, err
	}
	var in, out sve
	in.fill(usedVL, 7)
	return func() error {
		out = sve{}
		loopSVE(64*loops, &in, &out) // nearly all of the time: tests count on what a dump meets
		if in != out {
			return fmt.Errorf("an SVE register of %d bytes changed", usedVL)
		}
		return nil
	}, nil
}

// fill makes no two registers of vl bytes alike.
func (s *sve) fill(vl, step int) {
	for i := range vl * 32 {
		s.z[i] = byte(i*step + i>>8)
	}
	for i := range vl / 8 * 16 {
		s.p[i] = byte(i*step + 1)
	}
}

// idle keeps the length of vectors of a thread that does not use them.
func idle(set, get int) keeper {
	return func() (func() error, error) {
		_, err := prctl(set, idleVL)
		return func() error {
			pause()
			if vl, err := prctl(get); err != nil || vl&lengthOf != idleVL {
				return fmt.Errorf("vectors that are not used have %d bytes, not %d: %w", vl&lengthOf, idleVL, err)
			}
			return nil
		}, err
	}
}
