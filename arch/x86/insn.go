package x86

import "encoding/binary"

// An insn is an instruction: its size in bytes and where it leads. Only what is met in functions of a vDSO is known, and of that only what every
// processor takes alike: of all else the size is 0, and a thread is stepped over it.
type insn struct {
	size  int
	flow  flow
	after int64 // where it jumps to, from its end on
}

type flow byte

const (
	onward flow = iota // to the next one
	jump               // only elsewhere
	branch             // there or to the next one
)

// What comes behind an opcode:
//
//	. nothing                                m ModRM and what that asks for
//	b one byte                               M the same, then one byte
//	z a word or two, by operand size         Z the same, then what z has
//	v z, or eight bytes                      j J a branch by one or four bytes
//	s S a jump by one or four bytes          g G group 3: m; M or Z where it is TEST
//	k K group 11: M, Z where it is MOV       f group 5: m unless it is a call or jump
//	i a byte: the interrupt for calls        w nothing; a call of long mode
//	p it is a prefix                         x it is not known here, or leads where the instruction does not say
const (
	// Intel SDM vol. 2, table A-2.
	oneByte = "mmmmbzxxmmmmbzxx" + "mmmmbzxxmmmmbzxx" + "mmmmbzpxmmmmbzpx" + "mmmmbzpxmmmmbzpx" +
		"................" + "................" + "xxxmppppzZbMxxxx" + "jjjjjjjjjjjjjjjj" +
		"MZxMmmmmmmmmmmxx" + "..........x..x.." + "xxxx....bz......" + "bbbbbbbbvvvvvvvv" +
		"MMxxxxkKx.xxxixx" + "mmmmxxxxmmmmmmmm" + "jjjjxxxxJSxsxxxx" + "pxppx.gG..xx..mf"
	// Table A-3: behind 0f.
	twoBytes = "xmmmxwxxxxxxxmxx" + "mmmmmmmmmmmmmmmm" + "xxxxxxxxmmmmmmmm" + "x.xxxxxxxxxxxxxx" +
		"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "MMMMmmm.xxxxmmmm" +
		"JJJJJJJJJJJJJJJJ" + "mmmmmmmmmmmmmmmm" + "xx.mMmxxxxxmMmmm" + "mmxmmmmmxxMmmmmm" +
		"mmMmMMMm........" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmx"
)

const (
	operandSize = 0x66
	addressSize = 0x67
	rexW        = 8
	modReg      = 3 // there is no memory
)

// decode looks at the instruction that code begins with, of a 64-bit or of a 32-bit segment.
func decode(code []byte, long bool) insn {
	var short, wide bool
	n, kind := 0, byte('p')
	for ; kind == 'p'; n++ {
		if n == len(code) {
			return insn{}
		}
		switch op := code[n]; {
		case long && op&0xf0 == 0x40: // REX, the last prefix
			wide = op&rexW != 0
			if n++; n == len(code) || oneByte[code[n]] == 'p' || code[n]&0xf0 == 0x40 {
				return insn{}
			}
		case op == operandSize:
			short = true
		case op == addressSize && !long: // other bytes behind ModRM
			return insn{}
		}
		if kind = oneByte[code[n]]; code[n] == 0x0f {
			if n++; n == len(code) {
				return insn{}
			}
			switch kind = twoBytes[code[n]]; code[n] {
			case 0x38: // table A-4
				n, kind = n+1, 'm'
			case 0x3a: // table A-5
				n, kind = n+1, 'M'
			}
		}
	}
	word := 4
	if short && !wide {
		word = 2
	}
	reg := -1
	if n < len(code) {
		reg = int(code[n] >> 3 & 7)
	}
	switch {
	case kind == 'g', kind == 'G', kind == 'f', kind == 'k', kind == 'K':
		kind = group(kind, reg)
	case kind == 'w' && long:
		kind = '.'
	case kind == 'i' && n < len(code) && code[n] == 0x80:
		kind = 'b'
	}
	i := insn{size: n}
	switch kind {
	case 'm', 'M', 'Z':
		m := memory(code[n:])
		if m == 0 {
			return insn{}
		}
		i.size += m
	case 'v':
		if wide {
			word = 8
		}
	case 'J', 'S', 'j', 's':
		if short { // processors differ
			return insn{}
		}
	case '.', 'b', 'z':
	default:
		return insn{}
	}
	switch kind {
	case 'b', 'M', 'j', 's':
		i.size++
	case 'z', 'v', 'Z', 'J', 'S':
		i.size += word
	}
	if i.size > len(code) {
		return insn{}
	}
	switch kind {
	case 'j', 's':
		i.flow, i.after = branch, int64(int8(code[i.size-1]))
	case 'J', 'S':
		i.flow, i.after = branch, int64(int32(binary.LittleEndian.Uint32(code[i.size-4:])))
	}
	if kind == 's' || kind == 'S' {
		i.flow = jump
	}
	return i
}

// group is what comes behind an opcode that ModRM is a part of (table A-6).
func group(kind byte, reg int) byte {
	switch {
	case kind == 'g' && reg <= 1:
		return 'M'
	case kind == 'G' && reg <= 1:
		return 'Z'
	case kind == 'g', kind == 'G', kind == 'f' && (reg <= 1 || reg == 6):
		return 'm'
	case kind == 'k' && reg == 0:
		return 'M'
	case kind == 'K' && reg == 0:
		return 'Z'
	}
	return 'x'
}

// memory is the size of ModRM and what belongs to it (tables 2-2 and 2-3).
func memory(code []byte) int {
	if len(code) == 0 {
		return 0
	}
	mod, base, n := code[0]>>6, code[0]&7, 1
	switch {
	case mod == modReg:
		return n
	case base == 4 && len(code) == 1:
		return 0
	case base == 4: // SIB
		base, n = code[1]&7, 2
	}
	switch {
	case mod == 1:
		n++
	case mod == 2, base == 5:
		n += 4
	}
	return n
}
