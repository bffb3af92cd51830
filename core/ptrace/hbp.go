package ptrace

import (
	"encoding/binary"

	"woodfrog/internal/linux"
)

// Breakpoints of arm and arm64 are an address and a control word each (arch/arm/include/asm/hw_breakpoint.h, decode_ctrl_reg; the same of arm64).
const (
	hbpEnable = 1
	hbpUser   = 2 << 1 // privilege
	hbpTwo    = 3 << 5 // bytes of the instruction
	hbpFour   = 0xf << 5
	hbpCount  = 0xff // in the word that tells what there is

	thumb = 1 // marks addresses of Thumb code
)

func hbpControl(at uint64, enable bool) uint32 {
	control := uint32(hbpFour | hbpUser)
	if at&thumb != 0 {
		control = hbpTwo | hbpUser
	}
	if enable {
		control |= hbpEnable
	}
	return control
}

// setHBP writes breakpoints. An address has to suit the length that is there already: 0 does, so that lengths come first. Kernels of arm64 do not
// look at the length of one that is not enabled (arch/arm64/kernel/ptrace.c, ptrace_hbp_fill_attr_ctrl).
func setHBP(write func(tid int, to []uint64, enable bool) error, tid int, to []uint64, enable bool) error {
	if enable {
		lengths := make([]uint64, len(to))
		for i, at := range to {
			lengths[i] = at & thumb
		}
		if err := write(tid, lengths, true); err != nil {
			return err
		}
	}
	return write(tid, to, enable)
}

// hbpNote are those of the register set NT_ARM_HW_BREAK.
type hbpNote struct{}

const ntHWBreak = 0x402

func (hbpNote) count(tid int) (int, error) {
	b := make([]byte, 8+16*16) // struct user_hwdebug_state, arch/arm64/include/uapi/asm/ptrace.h
	_, err := linux.GetRegSet(tid, ntHWBreak, b)
	return int(binary.LittleEndian.Uint32(b) & hbpCount), err
}

func (n hbpNote) set(tid int, to []uint64, enable bool) error {
	return setHBP(n.write, tid, to, enable)
}

func (hbpNote) write(tid int, to []uint64, enable bool) error {
	le := binary.LittleEndian
	b := make([]byte, 8)
	for _, at := range to {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, at&^thumb), hbpControl(at, enable)), 0)
	}
	return linux.SetRegSet(tid, ntHWBreak, b)
}

// hbpPairs are those of PTRACE_SETHBPREGS, by number.
type hbpPairs struct{}

func (hbpPairs) count(tid int) (int, error) {
	info, err := linux.HBPReg(tid, 0)
	return int(info & hbpCount), err
}

func (n hbpPairs) set(tid int, to []uint64, enable bool) error {
	return setHBP(n.write, tid, to, enable)
}

func (hbpPairs) write(tid int, to []uint64, enable bool) error {
	for i, at := range to {
		if err := linux.SetHBPReg(tid, 2*i+1, uint32(at&^thumb)); err != nil {
			return err
		}
		if err := linux.SetHBPReg(tid, 2*i+2, hbpControl(at, enable)); err != nil {
			return err
		}
	}
	return nil
}
