package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn reads (arch/arm64/kernel/signal.c, struct rt_sigframe; include/uapi/asm/{ucontext,sigcontext}.h):
// offsets from the stack pointer, bytes.
const (
	frameUcontext  = 128 // after siginfo
	ucStackFlags   = frameUcontext + 24
	ucSigmask      = frameUcontext + 40
	ucContext      = frameUcontext + 176
	scRegs         = ucContext + 8 // after fault_address: x0-x30, sp, pc, pstate, as in NT_PRSTATUS
	scReserved     = ucContext + 288
	reservedSize   = 4096
	frameSize      = scReserved + reservedSize
	fpsimdMagic    = 0x46508001
	fpsimdRecord   = 528
	fpsimdSize     = 528 // of NT_PRFPREG: v0-v31, fpsr, fpcr, 8 bytes of nothing
	sveMagic       = 0x53564501
	sveRecord      = 16 // before the registers
	sveHeader      = 16 // struct user_sve_header
	sveRegsInUse   = 1  // SVE_PT_REGS_SVE
	sveStreaming   = 1  // SVE_SIG_FLAG_SM
	extraMagic     = 0x45585401
	extraRecord    = 32
	terminator     = 16 // a header of zeroes, with room so that what follows is aligned
	refusedSSFlags = 0x7fff
	frontRoom      = 16 // for the word in front of the frame that is free
)

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays. It ends with its records: the
// kernel reads no further (arch/arm64/kernel/signal.c, parse_user_sigframe).
func (regs) Sigframe(room []byte, sets [][]byte, _ *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	f := append(room[:0], make([]byte, frontRoom+scReserved)...)
	le := binary.LittleEndian
	context := f[frontRoom:]
	le.PutUint32(context[ucStackFlags:], refusedSSFlags)
	le.PutUint64(context[ucSigmask:], mask)
	copy(context[scRegs:], sets[0][:gprSize])
	if len(sets) > 1 && len(sets[1]) == fpsimdSize {
		record := make([]byte, fpsimdRecord)
		le.PutUint32(record, fpsimdMagic)
		le.PutUint32(record[4:], fpsimdRecord)
		copy(record[8:16], sets[1][512:520]) // fpsr, fpcr
		copy(record[16:], sets[1][:512])
		f = append(f, record...)
	}
	for _, i := range []int{setSVE, setSSVE} {
		if len(sets) > i {
			if record := sveContext(sets[i], i == setSSVE); record != nil {
				f = appendRecord(f, record, at)
			}
		}
	}
	return append(f, make([]byte, terminator)...), at + frontRoom
}

// sveContext is the record of SVE registers that are in use; nil where none are. Z, P and FFR lie as in the set.
func sveContext(sve []byte, streaming bool) []byte {
	le := binary.LittleEndian
	if len(sve) <= sveHeader || le.Uint16(sve[12:])&1 != sveRegsInUse {
		return nil
	}
	vl := int(le.Uint16(sve[8:]))
	vq := vl / 16
	n := 32*vl + 17*2*vq // Z; P and FFR
	if len(sve) < sveHeader+n {
		return nil
	}
	size := (sveRecord + n + 15) &^ 15
	record := make([]byte, size)
	le.PutUint32(record, sveMagic)
	le.PutUint32(record[4:], uint32(size))
	le.PutUint16(record[8:], uint16(vl))
	if streaming {
		le.PutUint16(record[10:], sveStreaming)
	}
	copy(record[sveRecord:], sve[sveHeader:sveHeader+n])
	return record
}

// appendRecord appends a record to frame f, which is for address at. Long vectors have no room in a frame: they lie behind it, and a record says
// so (arch/arm64/kernel/signal.c, parse_user_sigframe, EXTRA_MAGIC).
func appendRecord(f, record []byte, at uint64) []byte {
	if len(f)+len(record)+terminator > frontRoom+frameSize {
		le := binary.LittleEndian
		extra := make([]byte, extraRecord+terminator)
		le.PutUint32(extra, extraMagic)
		le.PutUint32(extra[4:], extraRecord)
		le.PutUint64(extra[8:], at+uint64(len(f)+len(extra)))
		le.PutUint32(extra[16:], uint32(len(record)+terminator))
		f = append(f, extra...)
	}
	return append(f, record...)
}
