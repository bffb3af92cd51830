package arch

import (
	"bytes"
	"encoding/binary"
)

// wordSize is the size of an instruction on processors whose instructions are 32-bit words, bytes.
const wordSize = 4

// Words are instructions of 32 bits as they stand in memory.
func Words(insns ...uint32) []byte {
	var b []byte
	for _, w := range insns {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// FindWords is the offset of the instructions in code, which begins at an instruction; -1 if they are not there.
func FindWords(code []byte, insns ...uint32) int { return FindAligned(code, Words(insns...), wordSize) }

// FindAligned is the first offset in code at a multiple of align where want stands; -1 if there is none.
func FindAligned(code, want []byte, align int) int {
	for at := 0; ; {
		i := bytes.Index(code[at:], want)
		if i < 0 {
			return -1
		}
		if at += i; at%align == 0 {
			return at
		}
		at++
	}
}
