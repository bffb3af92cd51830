package vdso

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// SigpageName is the name of the page that the kernel maps into each task of arm, native or not: handlers without a restorer return to the code in
// it. That is in the kernel's page at a place that is another one after each boot (arch/arm/kernel/signal.c, get_signal_page), or always
// at its start (arch/arm64/kernel/vdso.c); the rest of the page is filled with one word that is no instruction.
const SigpageName = "[sigpage]"

// FindSigpage returns the area of that name.
func FindSigpage(areas []Area) (Area, bool) {
	i := slices.IndexFunc(areas, func(a Area) bool { return a.Name == SigpageName })
	if i < 0 {
		return Area{}, false
	}
	return areas[i], true
}

// MergeSigpage is the page of the kernel that restores, rt, with the code that image has in it, where frames on the stacks of the image's
// task return to; nil if that is there already. If both have code at one place, it is only the code at the offsets returns, to which there may be
// such frames. false: even that is in the way.
func MergeSigpage(image, rt []byte, returns []uint64) (merged []byte, ok bool) {
	if len(image) != len(rt) {
		return nil, false
	}
	if merged, ok = mergeAll(image, rt); !ok {
		merged, ok = mergeSome(image, rt, returns)
	}
	if bytes.Equal(merged, rt) {
		return nil, ok
	}
	return merged, ok
}

func mergeAll(image, rt []byte) (merged []byte, ok bool) {
	fill, own := filler(image), filler(rt)
	merged = bytes.Clone(rt)
	for at := 0; at+4 <= len(rt); at += 4 {
		word, there := image[at:at+4], rt[at:at+4]
		switch {
		case bytes.Equal(word, fill), bytes.Equal(word, there):
		case bytes.Equal(there, own):
			copy(merged[at:], word)
		default:
			return nil, false
		}
	}
	return merged, true
}

const (
	// returnSize is what a frame returns to, bytes: an instruction that loads the call's number and the call.
	returnSize = 8
	// returnsSize is all the ways to return, bytes: sigreturn and rt_sigreturn, from ARM and from Thumb state. What follows on them is for
	// programs in the format FDPIC.
	returnsSize = 24
)

func mergeSome(image, rt []byte, returns []uint64) (merged []byte, ok bool) {
	own, first := filler(rt), 0
	for first+4 < len(rt) && bytes.Equal(rt[first:first+4], own) {
		first += 4
	}
	merged = bytes.Clone(rt)
	for _, off := range returns {
		for at := int(off &^ 3); at < int(off&^3)+returnSize && at+4 <= len(rt); at += 4 {
			if at >= first && at < first+returnsSize && !bytes.Equal(image[at:at+4], rt[at:at+4]) {
				return nil, false
			}
			copy(merged[at:], image[at:at+4])
		}
	}
	return merged, true
}

// filler is the word that is most often in a page.
func filler(page []byte) []byte {
	count := map[uint32]int{}
	var most uint32
	for at := 0; at+4 <= len(page); at += 4 {
		w := binary.LittleEndian.Uint32(page[at:])
		if count[w]++; count[w] > count[most] {
			most = w
		}
	}
	return binary.LittleEndian.AppendUint32(nil, most)
}
