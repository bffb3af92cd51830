package x86

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Components of the extended state (Intel SDM vol. 1, 13.1). Some processors always say that MPX is in use, which kernels have not served
// since Linux 5.6: what its registers hold means nothing.
const (
	xsaveLegacy = 1<<0 | 1<<1
	xsaveMPX    = 1<<3 | 1<<4
	xsaveTiles  = 18 // in frames of programs alone that have asked for it (arch_prctl, ARCH_REQ_XCOMP_PERM)
)

// refitFrames is arch.ABI.RefitXstate. XRSTOR faults on components that the processor lacks, and of a frame that is larger than this kernel's
// it takes nothing but x87 and SSE (arch/x86/kernel/fpu/signal.c, check_xstate_in_sigframe), without a word. Where components lie is taken to be the
// same: it is so on processors of one maker.
func refitFrames(kind arch.Frames, gprSize int) func([]byte, uint64, *arch.XstateLayout) (bool, uint64) {
	gpr := make([]byte, gprSize)
	return func(stack []byte, at uint64, l *arch.XstateLayout) (changed bool, lost uint64) {
		for _, f := range arch.FramesIn(kind, stack, at, gpr) {
			if v := f.Vectors - at; f.VectorSize != 0 && v < uint64(len(stack)) {
				c, gone := refit(stack[v:], l)
				changed, lost = changed || c, lost|gone
			}
		}
		return changed, lost
	}
}

// refit changes the extended state of a frame.
func refit(b []byte, l *arch.XstateLayout) (changed bool, lost uint64) {
	le := binary.LittleEndian
	size, seal, ok := sealed(b)
	if !ok || size+4 > len(b) || le.Uint32(b[size:]) != seal {
		return false, 0
	}
	sw, bv := b[fpSwReserved:], le.Uint64(b[xstateBV:])
	has, own := uint64(xsaveLegacy), xsaveMin
	for n := range l {
		if l[n].Size == 0 {
			continue
		}
		has |= 1 << n
		if n != xsaveTiles || bv>>n&1 != 0 {
			own = max(own, int(l[n].Offset+l[n].Size))
		}
	}
	features := le.Uint64(sw[8:])
	if (bv|features)&^has == 0 && size <= own {
		return false, 0
	}
	le.PutUint64(b[xstateBV:], bv&has)
	le.PutUint64(sw[8:], features&has)
	if size > own {
		le.PutUint32(sw[4:], le.Uint32(sw[4:])-uint32(size-own))
		le.PutUint32(sw[16:], uint32(own))
		le.PutUint32(b[own:], seal)
	}
	return true, bv &^ has &^ xsaveMPX
}
