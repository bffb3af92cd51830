//go:build linux && arm64

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// An sme is the registers of streaming mode and ZA, of any length.
type sme struct {
	sve
	za [256 * 256]byte
}

// loopSME loads the registers from in, in streaming mode and with ZA on, counts loops down and stores them to out.
func loopSME(loops uint64, in, out *sme)

// loopZA is loopSME for ZA alone, outside of streaming mode.
func loopZA(loops uint64, in, out *sme)

// The register TPIDR2_EL0.
func setTPIDR2(v uint64)
func getTPIDR2() uint64

// streamingVL is the length of vectors in streaming mode, not the default, and zaSize the size of ZA then, bytes.
const (
	streamingVL = 64
	zaSize      = streamingVL * streamingVL
)

func keepStreaming() (func() error, error) {
	var in sme
	in.fill(streamingVL, 3)
	return keepSME(&in, loopSME)
}

func keepZA() (func() error, error) { return keepSME(new(sme), loopZA) }

func keepSME(in *sme, loop func(loops uint64, in, out *sme)) (func() error, error) {
	if _, err := prctl(unix.PR_SME_SET_VL, streamingVL); err != nil {
		return nil, err
	}
	const pointer = 0x123456789abcdef0
	setTPIDR2(pointer)
	for i := range zaSize {
		in.za[i] = byte(i*13 + i>>8)
	}
	out := new(sme)
	return func() error {
		out.sve = sve{}
		clear(out.za[:zaSize])
		loop(64*loops, in, out) // nearly all of the time: tests count on what a dump meets
		if in.sve != out.sve || [zaSize]byte(in.za[:]) != [zaSize]byte(out.za[:]) {
			return fmt.Errorf("ZA, or a register of streaming mode, of vectors of %d bytes, changed", streamingVL)
		}
		if got := getTPIDR2(); got != pointer {
			return fmt.Errorf("TPIDR2_EL0 is %#x, not %#x", got, pointer)
		}
		return nil
	}, nil
}
