package arm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"woodfrog/arch"
)

// A walk follows a thread's code: kernels of arm know no single step (arch/arm/kernel/ptrace.c), so a breakpoint has to be where the thread
// comes to. All of it is after the Arm ARM (DDI 0406C): A5 and A6 for encodings, A2.3 for what is written to pc.
type walk struct {
	gpr  []byte
	read func(at uint64, b []byte) error
}

// errLead: an instruction that no code of a program has, or that leads to itself.
var errLead = errors.New("where it leads is not known")

// lead is arch.ABI. Code is run through at its own speed where that can be, up to what jumps to an address that a register or memory has: a
// loop that waits for a clock to be left alone would not end otherwise. Else, from an instruction that does not jump on, it is the next one
// that does: all up to there are executed one after another.
func lead(gpr []byte, most int, within func(pc uint64) bool, read func(at uint64, b []byte) error) ([]uint64, error) {
	w := walk{gpr, read}
	state := get(gpr, rCPSR) & cpsrThumb / cpsrThumb // in bit 0, as in addresses of Thumb code
	here := get(gpr, rPC) | state
	marked := func(at uint64) bool { return within(at &^ thumb) }
	if ahead := arch.Ahead(here, most, marked, w.ways); len(ahead) > 0 {
		return ahead, nil
	}
	next, err := w.next(here, within)
	return []uint64{next}, err
}

// ways are the addresses that follow an instruction; none if one of them is not in itself.
func (w *walk) ways(at uint64) ([]uint64, error) {
	next, jumps, err := w.insn(at, false)
	if err != nil || !jumps {
		return []uint64{next}, err
	}
	i, err := w.code(at)
	if err != nil {
		return nil, err
	}
	to, direct := i.target(at)
	if !direct {
		return nil, nil
	}
	return []uint64{to, next}, nil // an end that is never come to does no harm
}

// next is where the thread comes to, by its registers: from a jump where that leads, from there on the next jump.
func (w *walk) next(here uint64, within func(pc uint64) bool) (uint64, error) {
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

// An insn is an instruction: of ARM state, or the halfwords of one of Thumb state.
type insn struct {
	thumb bool
	i     uint32 // or the first halfword
	h2    uint32
}

func (w *walk) code(at uint64) (i insn, err error) {
	var b [4]byte
	if at&thumb == 0 {
		err = w.read(at, b[:])
		return insn{i: binary.LittleEndian.Uint32(b[:])}, err
	}
	if err = w.read(at&^thumb, b[:2]); err == nil && wide(uint32(binary.LittleEndian.Uint16(b[:]))) {
		err = w.read(at&^thumb+2, b[2:])
	}
	return insn{true, uint32(binary.LittleEndian.Uint16(b[:])), uint32(binary.LittleEndian.Uint16(b[2:]))}, err
}

func (i insn) size() uint64 {
	if i.thumb && !wide(i.i) {
		return 2
	}
	return 4
}

func (i insn) jumps() bool {
	if i.thumb {
		return jumpsThumb(i.i, i.h2)
	}
	return jumpsARM(i.i)
}

// insn looks at the instruction at an address: whether it can go anywhere but to the next one, and, with the registers of the thread if it
// is to be followed, where it leads.
func (w *walk) insn(at uint64, follow bool) (next uint64, jumps bool, err error) {
	i, err := w.code(at)
	if err != nil {
		return 0, false, err
	}
	next, jumps = at+i.size(), i.jumps()
	flags := get(w.gpr, rCPSR)
	switch {
	case !jumps || !follow:
	case i.thumb && passes(itCond(flags), flags):
		next, err = w.followThumb(uint32(at), next, i.i, i.h2)
	case !i.thumb && passes(i.i>>28, flags):
		next, err = w.followARM(uint32(at), i.i)
	}
	if err != nil {
		err = fmt.Errorf("instruction at %#x: %w", at, err)
	}
	return next, jumps, err
}

// target is where a branch leads that says so itself.
func (i insn) target(at uint64) (to uint64, direct bool) {
	if i.thumb {
		return branchThumb(uint32(at), i.i, i.h2)
	}
	return branchARM(uint32(at), i.i)
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
	to, _ := branchARM(at, i)
	return to, nil
}

// branchARM is where a branch leads: b, bl, blx.
func branchARM(at, i uint32) (to uint64, ok bool) {
	v := at + armPC + field(i, 24)<<2
	if i>>28 == always+1 {
		v = v + i>>24&1<<1 | thumb
	}
	return uint64(v), i>>25&7 == 5
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
