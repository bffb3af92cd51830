package vdso

import (
	"cmp"
	"math/bits"
	"slices"
)

// Hole finds free address space of size bytes near code, so that a branch of reach bytes either way gets from anywhere in one to
// anywhere in the other: the hole that is nearest, or false. The areas are those that are or will be mapped, in any order; what
// must stay free (below a stack that grows, above the heap) is in them too. Addresses are multiples of align, from lowest up to
// but not including end.
func Hole(areas []Area, code Area, size, align, reach, lowest, end uint64) (uint64, bool) {
	taken := append(slices.Clone(areas), code)
	slices.SortFunc(taken, func(a, b Area) int { return cmp.Compare(a.Start, b.Start) })
	best, found := uint64(0), false
	try := func(at uint64) {
		far := distance(at, size, code)
		if far <= reach && (!found || far < distance(best, size, code)) {
			best, found = at, true
		}
	}
	from := lowest
	for _, a := range append(taken, Area{Start: end, End: end}) {
		if to := min(a.Start, end); to > from {
			// The nearest place of a gap is at one of its ends.
			low, carry := bits.Add64(from, align-1, 0)
			low &^= align - 1
			if carry == 0 && low < to && to-low >= size {
				try(low)
				try((to - size) &^ (align - 1))
			}
		}
		from = max(from, a.End)
	}
	return best, found
}

// distance is the longest way from a byte of code to one of the size bytes at at, or back.
func distance(at, size uint64, code Area) uint64 {
	if at >= code.End {
		return at + size - code.Start
	}
	return code.End - at
}
