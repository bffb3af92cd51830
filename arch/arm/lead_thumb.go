package arm

import (
	"encoding/binary"
)

// wide says that the instruction has another halfword (A6.1).
func wide(h uint32) bool { return h>>11 >= 0x1d }

// itCond is the condition of the next instruction in an IT block (A2.5.2).
func itCond(cpsr uint64) uint32 {
	if it := cpsr>>8&0xfc | cpsr>>25&3; it&0xf != 0 {
		return uint32(it >> 4)
	}
	return always
}

// jumpsThumb: instructions of Thumb state that write to pc. Those of a return from an exception are among them.
func jumpsThumb(h, h2 uint32) bool {
	if !wide(h) {
		switch {
		case h>>12 == 0xd: // b on a condition; udf, svc
			return h>>8&0xf < always
		case h>>11 == 0x1c, h&0xf500 == 0xb100, h>>8 == 0x47, h>>8 == 0xbd: // b, cbz, bx and blx, pop
			return true
		case h>>8 == 0x44, h>>8 == 0x46: // add, mov
			return h&0x87 == 0x87
		}
		return false
	}
	switch {
	case h>>11 == 0x1e && h2>>15 == 1: // branches and what they share their place with
		return h2&0x5000 != 0 || h>>6&0xe != 0xe || h&0xfff0 == 0xf3c0 || h&0xffff == 0xf3de
	case h&0xffd0 == 0xe890, h&0xffd0 == 0xe910: // ldm
		return h2>>15 == 1
	case h&0xffd0 == 0xe810, h&0xffd0 == 0xe990: // rfe
		return true
	case h&0xff70 == 0xf850: // ldr
		return h2>>12 == rPC
	}
	return h&0xfff0 == 0xe8d0 && h2&0xffe0 == 0xf000 // tbb, tbh
}

// branchThumb is where a branch leads: b, bl, blx, cbz and cbnz.
func branchThumb(at, h, h2 uint32) (to uint64, ok bool) {
	pc := at + thumbPC // with the mark
	switch {
	case h>>12 == 0xd:
		return uint64(pc + field(h, 8)<<1), true
	case h>>11 == 0x1c:
		return uint64(pc + field(h, 11)<<1), true
	case h&0xf500 == 0xb100:
		return uint64(pc + h>>9&1<<6 + h>>3&0x1f<<1), true
	case h>>11 != 0x1e:
		return 0, false
	}
	s, j1, j2 := h>>10&1, h2>>13&1, h2>>11&1
	switch {
	case h2&0x5000 == 0:
		to := pc + field(s<<20|j2<<19|j1<<18|h&0x3f<<12|h2&0x7ff<<1, 21)
		return uint64(to), h>>6&0xe != 0xe // else bxj, or a return from an exception
	case h2&0x5000 == 0x4000: // blx
		pc &^= 3
	}
	return uint64(pc + field(s<<24|(j1^s^1)<<23|(j2^s^1)<<22|h&0x3ff<<12|h2&0x7ff<<1, 25)), true
}

func (w *walk) followThumb(at uint32, next uint64, h, h2 uint32) (uint64, error) {
	flags := get(w.gpr, rCPSR)
	switch to, branch := branchThumb(at, h, h2); {
	case h>>12 == 0xd && !passes(h>>8&0xf, flags),
		h&0xf500 == 0xb100 && (w.reg(at, h&7) == 0) == (h>>11&1 == 1),
		branch && h>>11 == 0x1e && h2&0x5000 == 0 && !passes(h>>6&0xf, flags):
		return next, nil
	case branch:
		return to, nil
	case wide(h):
		return w.followWide(at, h, h2)
	case h>>8 == 0x47:
		return interwork(w.reg(at, h>>3)), nil
	case h>>8 == 0x44:
		return uint64((w.reg(at, rPC) + w.reg(at, h>>3)) | thumb), nil
	case h>>8 == 0x46:
		return uint64(w.reg(at, h>>3) | thumb), nil
	}
	return w.word(lastWord(w.reg(at, rSP), h&0xff|1<<rPC, false, true)) // pop
}

func (w *walk) followWide(at, h, h2 uint32) (uint64, error) {
	rn := w.reg(at, h)
	switch {
	case h&0xffd0 == 0xe890, h&0xffd0 == 0xe910:
		return w.word(lastWord(rn, h2, h>>8&1 == 1, h>>7&1 == 1))
	case h&0xff70 == 0xf850:
		return w.loadWide(at, h, h2)
	case h&0xfff0 == 0xe8d0:
		index, size := w.reg(at, h2), 1+h2>>4&1
		b := make([]byte, 2)
		if err := w.read(uint64(rn+index*size), b[:size]); err != nil {
			return 0, err
		}
		return uint64(at + thumbPC + uint32(binary.LittleEndian.Uint16(b))<<1), nil
	}
	return 0, errLead
}

// loadWide is ldr to pc in its forms: from a place beside itself, with a number of 12 bits, a register, a number of 8 bits.
func (w *walk) loadWide(at, h, h2 uint32) (uint64, error) {
	rn := w.reg(at, h)
	switch {
	case h&0xf == rPC:
		return w.word(indexed(rn&^3, h2&0xfff, true, h>>7&1 == 1))
	case h>>7&1 == 1:
		return w.word(rn + h2&0xfff)
	case h2>>11&1 == 1:
		return w.word(indexed(rn, h2&0xff, h2>>10&1 == 1, h2>>9&1 == 1))
	}
	return w.word(rn + w.reg(at, h2)<<(h2>>4&3))
}
