//go:build linux && amd64

package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// cpu asks the processor.
func cpu() *arch.CPU {
	text := func(words ...uint32) string {
		var b []byte
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return string(bytes.Trim(b, " \x00"))
	}
	c := &arch.CPU{}
	top, b, cc, d := cpuid(0, 0)
	c.Vendor = text(b, d, cc)
	a, _, cc, d := cpuid(1, 0)
	c.Family, c.Model, c.Stepping = familyModel(a)
	c.Words[0], c.Words[3], c.Words[4] = d, kernelWord, cc
	if top >= 6 {
		c.Words[14], _, _, _ = cpuid(6, 0)
	}
	if top >= 7 {
		_, c.Words[9], c.Words[11], c.Words[18] = cpuid(7, 0)
	}
	if top >= 0xd {
		lo, size, largest, hi := cpuid(0xd, 0)
		c.Features, c.XsaveSize, c.XsaveMax = uint64(hi)<<32|uint64(lo), size, largest
		c.Words[10], _, _, _ = cpuid(0xd, 1)
	}
	const more = 0x8000_0000
	last, _, _, _ := cpuid(more, 0)
	if last >= more+1 {
		_, _, c.Words[6], c.Words[1] = cpuid(more+1, 0)
	}
	if last >= more+4 {
		var name []uint32
		for leaf := uint32(more + 2); leaf <= more+4; leaf++ {
			a, b, cc, d := cpuid(leaf, 0)
			name = append(name, a, b, cc, d)
		}
		c.Name = text(name...)
	}
	if last >= more+7 {
		_, c.Words[17], _, _ = cpuid(more+7, 0)
	}
	if last >= more+8 {
		_, c.Words[13], _, _ = cpuid(more+8, 0)
	}
	if last >= more+0xa {
		_, _, _, c.Words[15] = cpuid(more+0xa, 0)
	}
	return c
}
