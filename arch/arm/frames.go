package arm

import "encoding/binary"

// dummyMagic begins a block for the coprocessor iWMMXt, which kernels that know it put in front of the VFP registers of each signal frame even where
// the thread has never used it (arch/arm/kernel/signal.c, preserve_iwmmxt_context; asm/ucontext.h).
const dummyMagic = 0xb0d9ed01

// refit is arch.ABI: kernels without CONFIG_IWMMXT, Debian's since Linux 6.12 and those of arm64, take a frame with such a block for a broken one.
// Kernels with it do not miss the block.
func refit(stack []byte) (changed bool) {
	le := binary.LittleEndian
	const head = 8 // magic, size
	for at := 0; at+head <= len(stack); at += 8 {
		if le.Uint32(stack[at:]) != dummyMagic {
			continue
		}
		size := int(le.Uint32(stack[at+4:]))
		vfp := at + size
		if size < head || size%8 != 0 || size > regspace-vfpRecord || vfp+vfpRecord > len(stack) ||
			le.Uint32(stack[vfp:]) != vfpMagic || le.Uint32(stack[vfp+4:]) != vfpRecord {
			continue
		}
		copy(stack[at:], stack[vfp:vfp+vfpRecord])
		clear(stack[at+vfpRecord : vfp+vfpRecord])
		changed = true
	}
	return changed
}
