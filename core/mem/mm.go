package mem

import (
	"encoding/binary"

	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// MmMap is the struct prctl_mm_map of an image's mm (include/uapi/linux/prctl.h), 104 bytes; auxv is where the vector is.
func MmMap(m *image.MmEntry, auxv stub.Data, auxvSize, exeFd int) []byte {
	var b []byte
	for _, v := range []uint64{m.MmStartCode, m.MmEndCode, m.MmStartData, m.MmEndData, m.MmStartBrk, m.MmBrk, m.MmStartStack,
		m.MmArgStart, m.MmArgEnd, m.MmEnvStart, m.MmEnvEnd, auxv.Addr()} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(auxvSize))
	return binary.LittleEndian.AppendUint32(b, uint32(exeFd))
}

// Auxv is the vector as the kernel keeps it, ended by AT_NULL.
func Auxv(m *image.MmEntry) []byte {
	var b []byte
	for _, v := range m.MmSavedAuxv {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	if n := len(m.MmSavedAuxv); n < 2 || m.MmSavedAuxv[n-2] != 0 {
		b = append(b, make([]byte, 16)...)
	}
	return b
}
