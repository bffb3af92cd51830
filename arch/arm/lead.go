package arm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// A walk follows a thread's code: kernels of arm know no single step (arch/arm/kernel/ptrace.c), so a breakpoint has to be where the thread
// comes to. All of it is after the Arm ARM (DDI 0406C): A5 and A6 for encodings, A2.3 for what is written to pc.
type walk struct {
	gpr  []byte
	read func(at uint64, b []byte) error
}

// errLead: an instruction that no code of a program has, or that leads to itself.
var errLead = errors.New("where it leads is not known")

// lead is arch.ABI. From an instruction that does not jump on, it is the next one that does: all up to there are executed one after another.
func lead(gpr []byte, within func(pc uint64) bool, read func(at uint64, b []byte) error) (uint64, error) {
	w := walk{gpr, read}
	state := get(gpr, rCPSR) & cpsrThumb / cpsrThumb // in bit 0, as in addresses of Thumb code
	here := get(gpr, rPC) | state
	next, _, err := w.insn(here, true)
	for at := next; err == nil; {
		jumps, after := false, uint64(0)
		switch {
		case at == here: // a loop: it is gone through in two parts
			if next == here {
				return 0, fmt.Errorf("instruction at %#x: %w", here, errLead)
			}
			return next, nil
		case !within(at &^ thumb):
			return at, nil
		}
		if after, jumps, err = w.insn(at, false); jumps {
			return at, nil
		}
		at = after
	}
	return 0, err
}

// insn looks at the instruction at an address: whether it can go anywhere but to the next one, and, with the registers of the thread if it
// is to be followed, where it leads.
func (w *walk) insn(at uint64, follow bool) (next uint64, jumps bool, err error) {
	var b [4]byte
	if at&thumb == 0 {
		if err := w.read(at, b[:]); err != nil {
			return 0, false, err
		}
		i := binary.LittleEndian.Uint32(b[:])
		next, jumps = at+4, jumpsARM(i)
		if jumps && follow && (i>>28 == always+1 || passes(i>>28, get(w.gpr, rCPSR))) {
			next, err = w.followARM(uint32(at), i)
		}
	} else {
		if err := w.read(at&^thumb, b[:2]); err != nil {
			return 0, false, err
		}
		h := uint32(binary.LittleEndian.Uint16(b[:]))
		if wide(h) {
			if err := w.read(at&^thumb+2, b[2:]); err != nil {
				return 0, false, err
			}
		}
		h2 := uint32(binary.LittleEndian.Uint16(b[2:]))
		next, jumps = at+2, jumpsThumb(h, h2)
		if wide(h) {
			next = at + 4
		}
		if jumps && follow && passes(itCond(get(w.gpr, rCPSR)), get(w.gpr, rCPSR)) {
			next, err = w.followThumb(uint32(at), next, h, h2)
		}
	}
	if err != nil {
		err = fmt.Errorf("instruction at %#x: %w", at, err)
	}
	return next, jumps, err
}

// word reads a word of the task's, which goes to pc with its mark.
func (w *walk) word(at uint32) (uint64, error) {
	var b [4]byte
	err := w.read(uint64(at), b[:])
	return interwork(binary.LittleEndian.Uint32(b[:])), err
}

// interwork is where a value leads that says by bit 0 which instructions there are.
func interwork(v uint32) uint64 {
	if v&thumb == 0 {
		v &^= 3
	}
	return uint64(v)
}

// always is the condition AL.
const always = 14

// passes says whether a condition holds with these flags (A8.3).
func passes(cond uint32, cpsr uint64) bool {
	n, z, c, v := cpsr>>31&1 == 1, cpsr>>30&1 == 1, cpsr>>29&1 == 1, cpsr>>28&1 == 1
	var yes bool
	switch cond >> 1 {
	case 0:
		yes = z
	case 1:
		yes = c
	case 2:
		yes = n
	case 3:
		yes = v
	case 4:
		yes = c && !z
	case 5:
		yes = n == v
	case 6:
		yes = n == v && !z
	default:
		return true
	}
	return yes != (cond&1 == 1)
}

// field is a signed number: the low n bits of v.
func field(v uint32, n int) uint32 { return uint32(int32(v<<(32-n)) >> (32 - n)) }

// jumpsARM: instructions of ARM state that write to pc.
func jumpsARM(i uint32) bool {
	if i>>28 == always+1 {
		return i>>25&7 == 5 || i&0xfe500000 == 0xf8100000 // blx, rfe
	}
	rd := i >> 12 & 15
	switch i >> 25 & 7 {
	case 0, 1:
		op, imm := i>>20&0x1f, i>>25&1 == 1
		switch {
		case !imm && i>>7&1 == 1 && i>>4&1 == 1: // multiplications, other loads and stores
			return false
		case op&0x19 == 0x10: // no data processing
			return i&0x0fffffd0 == 0x012fff10 || i&0x0ffffff0 == 0x012fff20 // bx, blx; bxj
		case op&0x18 == 0x10: // comparisons
			return false
		}
		return rd == rPC
	case 2, 3:
		if i>>25&1 == 1 && i>>4&1 == 1 { // media
			return false
		}
		return i>>20&1 == 1 && i>>22&1 == 0 && rd == rPC
	case 4:
		return i>>20&1 == 1 && i>>15&1 == 1
	case 5:
		return true
	}
	return false
}

// reg is a register as an operand of the instruction at at.
func (w *walk) reg(at uint32, n uint32) uint32 {
	if n &= 15; n != rPC {
		return uint32(get(w.gpr, int(n)))
	}
	if at&thumb != 0 {
		return at&^thumb + thumbPC
	}
	return at + armPC
}

func (w *walk) followARM(at, i uint32) (uint64, error) {
	rn := i >> 16
	switch i >> 25 & 7 {
	case 0, 1:
		if i&0x0fffffd0 == 0x012fff10 {
			return interwork(w.reg(at, i)), nil
		}
		return w.processed(at, i)
	case 2, 3:
		off := i & 0xfff
		if i>>25&1 == 1 {
			off = w.shifted(at, i)
		}
		return w.word(indexed(w.reg(at, rn), off, i>>24&1 == 1, i>>23&1 == 1))
	case 4:
		if i>>28 > always || i>>22&1 == 1 {
			return 0, errLead // rfe, and what else returns from an exception
		}
		return w.word(lastWord(w.reg(at, rn), i&0xffff, i>>24&1 == 1, i>>23&1 == 1))
	}
	to := at + armPC + field(i, 24)<<2
	if i>>28 == always+1 {
		to = to + i>>24&1<<1 | thumb
	}
	return uint64(to), nil
}

func indexed(base, off uint32, pre, up bool) uint32 {
	switch {
	case !pre:
		return base
	case up:
		return base + off
	}
	return base - off
}

// lastWord is where a load of several registers has that of pc, the last.
func lastWord(base, list uint32, before, up bool) uint32 {
	n := 4 * uint32(bits.OnesCount32(list))
	switch {
	case up && before:
		return base + n
	case up:
		return base + n - 4
	case before:
		return base - 4
	}
	return base
}

// processed is what data processing writes to pc.
func (w *walk) processed(at, i uint32) (uint64, error) {
	if i>>20&1 == 1 || i>>21&0xf>>2 == 2 {
		return 0, errLead // a return from an exception; bxj
	}
	a, carry := w.reg(at, i>>16), uint32(get(w.gpr, rCPSR)>>29&1)
	b := w.shifted(at, i)
	if i>>25&1 == 1 {
		b = bits.RotateLeft32(i&0xff, -int(i>>8&0xf*2))
	}
	var v uint32
	switch i >> 21 & 0xf {
	case 0:
		v = a & b
	case 1:
		v = a ^ b
	case 2:
		v = a - b
	case 3:
		v = b - a
	case 4:
		v = a + b
	case 5:
		v = a + b + carry
	case 6:
		v = a - b - 1 + carry
	case 7:
		v = b - a - 1 + carry
	case 12:
		v = a | b
	case 13:
		v = b
	case 14:
		v = a &^ b
	case 15:
		v = ^b
	}
	return interwork(v), nil
}

// shifted is the operand that is a register, shifted by a number or by another register.
func (w *walk) shifted(at, i uint32) (v uint32) {
	v = w.reg(at, i)
	n, immediate := i>>7&31, i>>4&1 == 0
	if !immediate {
		n = w.reg(at, i>>8) & 0xff
	}
	switch kind := i >> 5 & 3; {
	case kind == 3 && n == 0 && immediate: // rrx
		return v>>1 | uint32(get(w.gpr, rCPSR)>>29&1)<<31
	case kind == 3:
		return bits.RotateLeft32(v, -int(n&31))
	case n == 0 && (!immediate || kind == 0):
		return v
	case n == 0:
		n = 32
		fallthrough
	default:
		switch kind {
		case 0:
			return v << n
		case 1:
			return v >> n
		}
		return uint32(int32(v) >> n)
	}
}
