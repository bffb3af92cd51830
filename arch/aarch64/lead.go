package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// lead is arch.ABI: code is run through at its own speed up to what jumps to an address that a register has. A loop that waits for a clock to
// be left alone would not end when it is stepped through, where that is slow. There is nothing to say where a single step will do.
func lead(gpr []byte, most int, within func(pc uint64) bool, read func(at uint64, b []byte) error) ([]uint64, error) {
	ways := func(at uint64) ([]uint64, error) {
		var b [insnSize]byte
		err := read(at, b[:])
		return waysOn(at, binary.LittleEndian.Uint32(b[:])), err
	}
	return arch.Ahead(get(gpr, rPC), most, within, ways), nil
}

// waysOn are the addresses that can follow instruction i at address at (Arm ARM, C4.1.90 branches): none if a register has it.
func waysOn(at uint64, i uint32) []uint64 {
	to := func(bits, shift int) uint64 {
		return at + uint64(int64(int32(i>>shift<<(32-bits))>>(32-bits))*insnSize)
	}
	next := at + insnSize
	switch {
	case i&0x7c000000 == 0x14000000: // b, bl
		return []uint64{to(26, 0), next} // an end that is never come to does no harm
	case i&0xff000000 == 0x54000000, i&0x7e000000 == 0x34000000: // b on a condition, cbz and cbnz
		return []uint64{to(19, 5), next}
	case i&0x7e000000 == 0x36000000: // tbz and tbnz
		return []uint64{to(14, 5), next}
	case i&0xfe000000 == 0xd6000000: // br, blr, ret, with and without authentication; eret
		return nil
	}
	return []uint64{next}
}
