package procfs

import (
	"encoding/binary"
	"fmt"
)

// Auxv is an entry of the auxiliary vector, AT_* (include/uapi/linux/auxvec.h).
type Auxv struct{ Type, Value uint64 }

// ParseAuxv parses /proc/PID/auxv of a little-endian task whose words have wordSize bytes, 4 or 8. AT_NULL ends it and is not in the
// result: behind it an older kernel shows what is left of a compat task's vector. A kernel thread has none.
func ParseAuxv(b []byte, wordSize int) ([]Auxv, error) {
	if wordSize != 4 && wordSize != 8 {
		return nil, fmt.Errorf("word size %d is not 4 or 8", wordSize)
	}
	if len(b) == 0 {
		return nil, nil
	}
	word := func(b []byte) uint64 {
		if wordSize == 4 {
			return uint64(binary.LittleEndian.Uint32(b))
		}
		return binary.LittleEndian.Uint64(b)
	}
	auxv := make([]Auxv, 0, 24)
	for len(b) >= 2*wordSize {
		a := Auxv{word(b), word(b[wordSize:])}
		if a.Type == 0 {
			return auxv, nil
		}
		auxv = append(auxv, a)
		b = b[2*wordSize:]
	}
	return nil, fmt.Errorf("no AT_NULL after %d entries", len(auxv))
}
