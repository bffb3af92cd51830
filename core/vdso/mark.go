package vdso

import (
	"encoding/binary"
	"fmt"
)

// Mark is what CRIU and Woodfrog write at the start of a parked rt-vDSO, over its ELF header, so that the next dump knows it.
type Mark struct {
	Version int    // 1, 2 or 3
	VDSO    uint64 // where the image vDSO is
	VVar    uint64 // where the image's [vvar] is; None if there is none, or in version 1
	RTVVar  uint64 // where the parked [vvar] is; None if there is none, or in versions 1 and 2
}

// None stands for an address that is not there.
const None = ^uint64(0)

// The first word of each version, little-endian: "criuvdso", "criuvDSO", "CRIUvDSO".
var signatures = [...]uint64{0x6f73647675697263, 0x4f53447675697263, 0x4f53447655495243}

// MarkSize is the size of a mark of the last version, with words of 4 or 8 bytes.
func MarkSize(word int) int { return 8 + 4*word }

// ParseMark reads the mark at the start of mem, whose words have 4 or 8 bytes. Without a signature there is none: nil, nil.
func ParseMark(mem []byte, word int) (*Mark, error) {
	if len(mem) < 8 {
		return nil, nil
	}
	m := &Mark{}
	for i, s := range signatures {
		if binary.LittleEndian.Uint64(mem) == s {
			m.Version = i + 1
		}
	}
	if m.Version == 0 {
		return nil, nil
	}
	fields := []*uint64{&m.VDSO, nil, &m.VVar, &m.RTVVar}[:m.Version+1]
	if len(mem) < 8+len(fields)*word {
		return nil, fmt.Errorf("vdso mark: version %d: cut off at %d bytes", m.Version, len(mem))
	}
	m.VVar, m.RTVVar = None, None
	for i, f := range fields {
		v := uint64(0)
		if b := mem[8+i*word:]; word == 8 {
			v = binary.LittleEndian.Uint64(b)
		} else if v = uint64(binary.LittleEndian.Uint32(b)); v == 0xffffffff {
			v = None
		}
		if f != nil {
			*f = v
		} else if v != uint64(m.Version) {
			return nil, fmt.Errorf("vdso mark: signature of version %d, version %d", m.Version, v)
		}
	}
	return m, nil
}

// Bytes are a mark of version 3 that says what m says.
func (m *Mark) Bytes(word int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, signatures[2])
	for _, v := range []uint64{m.VDSO, 3, m.VVar, m.RTVVar} {
		if word == 8 {
			b = binary.LittleEndian.AppendUint64(b, v)
		} else {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
	}
	return b
}
