//go:build linux && arm64

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sign signs a pointer with all keys: APIA, APIB, APDA, APDB, APGA.
func sign(pointer, modifier uint64, signed *[5]uint64)

// keepKeys keeps what the keys make of pointers, and which of them are enabled.
func keepKeys() (func() error, error) {
	const apdb = 1 << 3 // PR_PAC_APDBKEY
	enabled := 0
	if _, err := prctl(unix.PR_PAC_SET_ENABLED_KEYS, apdb, 0); err == nil { // since Linux 5.13
		if enabled, err = prctl(unix.PR_PAC_GET_ENABLED_KEYS); err != nil {
			return nil, err
		}
	}
	const pointer = 0x7f12_3456_7890
	signAll := func() (all [16][5]uint64) { // a signature may have as few as seven bits
		for modifier := range all {
			sign(pointer, uint64(modifier), &all[modifier])
		}
		return all
	}
	first := signAll()
	if first[0] == first[1] {
		return nil, fmt.Errorf("pointers are not signed: %x", first[0])
	}
	return func() error {
		if again := signAll(); again != first {
			return fmt.Errorf("signed pointers are %x, not %x", again, first)
		}
		if enabled != 0 {
			return same(unix.PR_PAC_GET_ENABLED_KEYS, enabled)
		}
		return nil
	}, nil
}
