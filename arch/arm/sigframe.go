package arm

import (
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn reads (arch/arm/kernel/signal.h, struct rt_sigframe; include/uapi/asm/{ucontext,sigcontext}.h; for
// tasks on arm64 arch/arm64/kernel/signal32.c): offsets from the stack pointer, bytes.
const (
	frameUcontext  = 128 // after siginfo
	ucFlags        = frameUcontext
	ucLink         = frameUcontext + 4
	ucStack        = frameUcontext + 8 // stack_t: address, flags, size
	ucStackFlags   = frameUcontext + 12
	scRegs         = frameUcontext + 20 + 12 // after trap_no, error_code, oldmask: r0-r15, cpsr
	ucSigmask      = frameUcontext + 104
	ucRegspace     = frameUcontext + 232
	regspace       = 512
	frameSize      = ucRegspace + regspace + 16 // retcode
	vfpMagic       = 0x56465001
	vfpRecord      = 288
	fpexcEnabled   = 1 << 30
	refusedSSFlags = 0x7fff
	frontRoom      = 16 // for the word in front of the frame that is free
)

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays.
func (regs) Sigframe(room []byte, sets [][]byte, _ *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	f := append(room[:0], make([]byte, frameSize)...)
	le := binary.LittleEndian
	le.PutUint32(f[ucStackFlags:], refusedSSFlags)
	le.PutUint64(f[ucSigmask:], mask)
	copy(f[scRegs:], sets[0][:4*(rCPSR+1)])
	if len(sets) > 1 && len(sets[1]) == vfpSize {
		v := f[ucRegspace:]
		le.PutUint32(v, vfpMagic)
		le.PutUint32(v[4:], vfpRecord)
		copy(v[8:], sets[1]) // d0-d31, fpscr
		le.PutUint32(v[8+vfpSize+4:], fpexcEnabled)
	}
	return append(make([]byte, frontRoom), f...), at + frontRoom
}
