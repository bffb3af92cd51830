package image

import (
	"fmt"
	"math/bits"
	"slices"
)

// X86Xstate is the reverse of X86Fpregs: size bytes for NT_X86_XSTATE on the processor that layout describes, or NT_PRFPREG
// if size is that of FXSAVE. The kernel takes no fewer bytes than it gives. State that the image says was in use must be
// there, and the processor must have the registers for it: both are refused by name otherwise.
func X86Xstate(fp *UserX86FpregsEntry, rest *XstateEntry, layout *XstateLayout, size int) ([]byte, error) {
	return putXstate(nil, fp, rest, layout, size)
}

// putXstate is X86Xstate in room, if that is enough.
func putXstate(room []byte, fp *UserX86FpregsEntry, rest *XstateEntry, layout *XstateLayout, size int) ([]byte, error) {
	if size != fxsaveSize && size < xsaveMinimum {
		return nil, fmt.Errorf("NT_X86_XSTATE: %d bytes: too short", size)
	}
	raw := slices.Grow(room[:0], size)[:size]
	clear(raw)
	if err := putLegacy(raw, fp); err != nil {
		return nil, err
	}
	x := fp.Xsave
	bv := uint64(legacyMask)
	if x != nil {
		bv = inUse(x, layout)
	}
	if size == fxsaveSize {
		if bv &^= legacyMask; bv != 0 {
			return nil, fmt.Errorf("%s: this processor has no such registers", xstateName(firstBit(bv)))
		}
		return raw, nil
	}
	order.PutUint64(raw[fxXCR0:], features(layout))
	order.PutUint64(raw[xsaveHeader:], bv)
	left, err := putFields(raw, x, bv&^legacyMask, layout)
	if err != nil {
		return nil, err
	}
	if left, err = putRemainder(raw, rest, left, layout); err != nil {
		return nil, err
	}
	if left != 0 {
		return nil, fmt.Errorf("%s: in use, but not in the image", xstateName(firstBit(left)))
	}
	return raw, nil
}

func putLegacy(raw []byte, fp *UserX86FpregsEntry) error {
	if len(fp.StSpace) != 32 || len(fp.XmmSpace) != 64 {
		return fmt.Errorf("fpregs: st_space, xmm_space: %d and %d words: want 32 and 64", len(fp.StSpace), len(fp.XmmSpace))
	}
	for i, f := range [4]struct {
		name string
		v    uint32
	}{{"cwd", fp.Cwd}, {"swd", fp.Swd}, {"twd", fp.Twd}, {"fop", fp.Fop}} {
		if f.v > 0xffff {
			return fmt.Errorf("fpregs.%s: %#x: more than 16 bits", f.name, f.v)
		}
		order.PutUint16(raw[2*i:], uint16(f.v))
	}
	order.PutUint64(raw[8:], fp.Rip)
	order.PutUint64(raw[16:], fp.Rdp)
	order.PutUint32(raw[24:], fp.Mxcsr)
	order.PutUint32(raw[28:], fp.MxcsrMask)
	for i, w := range fp.StSpace {
		order.PutUint32(raw[fxSt+4*i:], w)
	}
	for i, w := range fp.XmmSpace {
		order.PutUint32(raw[fxXmm+4*i:], w)
	}
	return nil
}

// putFields writes the components of mask that the message has fields for, and returns the mask of the others.
func putFields(raw []byte, x *UserX86XsaveEntry, mask uint64, layout *XstateLayout) (left uint64, err error) {
	if mask == 0 {
		return 0, nil
	}
	for _, f := range xsaveFields(x) {
		if mask&(1<<f.number) == 0 || f.size() == 0 {
			continue
		}
		mask &^= 1 << f.number
		b, err := component(layout, raw, f.number)
		if err != nil {
			return 0, err
		}
		if len(b) != f.size() {
			return 0, fmt.Errorf("%s: %d bytes: this processor has %d", xstateName(f.number), f.size(), len(b))
		}
		if f.words != nil {
			for i, w := range *f.words {
				order.PutUint32(b[4*i:], w)
			}
			continue
		}
		for i, w := range *f.longs {
			order.PutUint64(b[8*i:], w)
		}
	}
	return mask, nil
}

func putRemainder(raw []byte, rest *XstateEntry, mask uint64, layout *XstateLayout) (left uint64, err error) {
	if rest == nil {
		return mask, nil
	}
	for _, c := range rest.Components {
		if c.Number >= 64 || mask&(1<<c.Number) == 0 {
			return 0, fmt.Errorf("component %d: not in use by the thread's core image", c.Number)
		}
		mask &^= 1 << c.Number
		b, err := component(layout, raw, int(c.Number))
		if err != nil {
			return 0, err
		}
		if int64(c.Size) != int64(len(b)) || len(c.Data) > len(b) {
			return 0, fmt.Errorf("%s: %d bytes: this processor has %d", xstateName(int(c.Number)), c.Size, len(b))
		}
		copy(b, c.Data)
	}
	return mask, nil
}

// inUse are the components that are not in their initial state, which is all zeroes (Intel SDM vol. 1, 13.6). Processors may say of those that
// are that they are not; it matters of what this one does not have.
func inUse(x *UserX86XsaveEntry, layout *XstateLayout) uint64 {
	mask := x.XstateBv
	for _, f := range xsaveFields(x) {
		if layout != nil && layout[f.number].Size != 0 || mask&(1<<f.number) == 0 || f.size() == 0 {
			continue
		}
		if f.words != nil && !slices.ContainsFunc(*f.words, nonzero[uint32]) || f.longs != nil && !slices.ContainsFunc(*f.longs, nonzero[uint64]) {
			mask &^= 1 << f.number
		}
	}
	return mask
}

func nonzero[T uint32 | uint64](v T) bool { return v != 0 }

// features is the mask of the components that the processor has.
func features(l *XstateLayout) uint64 {
	mask := uint64(legacyMask)
	for n := range l {
		if l[n].Size != 0 {
			mask |= 1 << n
		}
	}
	return mask
}

func firstBit(mask uint64) int { return bits.TrailingZeros64(mask) }
