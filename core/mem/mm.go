package mem

import (
	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// MmMap is the struct prctl_mm_map of an image's mm (include/uapi/linux/prctl.h); auxv is where the vector is.
func MmMap(abi *arch.ABI, m *image.MmEntry, auxv stub.Data, auxvSize, exeFd int) []byte {
	return abi.Struct().U64(m.MmStartCode, m.MmEndCode, m.MmStartData, m.MmEndData, m.MmStartBrk, m.MmBrk, m.MmStartStack,
		m.MmArgStart, m.MmArgEnd, m.MmEnvStart, m.MmEnvEnd).KernelWord(auxv.Addr()).U32(uint32(auxvSize), uint32(exeFd)).Pad(mmMapSize).Bytes()
}

// Auxv is the vector as the kernel keeps it, ended by AT_NULL.
func Auxv(abi *arch.ABI, m *image.MmEntry) []byte {
	s := abi.Struct().Word(m.MmSavedAuxv...)
	if n := len(m.MmSavedAuxv); n < 2 || m.MmSavedAuxv[n-2] != 0 {
		s.Word(0, 0)
	}
	return s.Bytes()
}

const mmMapSize = 104
