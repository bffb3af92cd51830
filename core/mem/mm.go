package mem

import (
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/compat"
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
	words := compat.TaskWords(abi, m.MmSavedAuxv)
	s := abi.Struct().Word(words...)
	if n := len(words); n < 2 || words[n-2] != 0 {
		s.Word(0, 0)
	}
	return s.Bytes()
}

const mmMapSize = 104

// SetMm appends the setting of the fields of m; exe is the descriptor of the program. Where the image's vector is longer than what this kernel
// gives to tasks, there may be no room for it (kernel/sys.c, prctl_set_mm_map): then it is what the kernel knows of it.
func SetMm(p *stub.Program, m *image.MmEntry, exe int) {
	set := func(m *image.MmEntry, exe int) *stub.Op {
		auxv := Auxv(p.ABI(), m)
		mm := MmMap(p.ABI(), m, p.Area.Bytes(auxv), len(auxv), exe)
		return p.Call(arch.SysPrctl, unix.PR_SET_MM, unix.PR_SET_MM_MAP, p.Area.Bytes(mm), len(mm), 0)
	}
	words := compat.TaskWords(p.ABI(), m.MmSavedAuxv)
	if own, err := unix.Auxv(); err == nil && entries(words) > len(own) {
		short := *m
		short.MmSavedAuxv = compat.KernelWords(p.ABI(), known(words, own))
		set(&short, exe)
		set(m, -1).Ignore().Note("the whole auxv, if there is room")
		return
	}
	set(m, exe)
}

// entries is how many a vector has before AT_NULL.
func entries(auxv []uint64) (n int) {
	for 2*n+1 < len(auxv) && auxv[2*n] != 0 {
		n++
	}
	return n
}

// known are the entries of a vector that are of a type in own.
func known(auxv []uint64, own [][2]uintptr) []uint64 {
	var out []uint64
	for i := 0; i+1 < len(auxv); i += 2 {
		if slices.ContainsFunc(own, func(e [2]uintptr) bool { return uint64(e[0]) == auxv[i] }) {
			out = append(out, auxv[i:i+2]...)
		}
	}
	return out
}
