package linux

import "encoding/binary"

// PrctlMmMap is struct prctl_mm_map (include/uapi/linux/prctl.h) for PR_SET_MM_MAP. Only the task itself can make the call, so addresses are
// the task's.
type PrctlMmMap struct {
	StartCode, EndCode uint64
	StartData, EndData uint64
	StartBrk, Brk      uint64
	StartStack         uint64
	ArgStart, ArgEnd   uint64
	EnvStart, EnvEnd   uint64
	Auxv               uint64 // address of a vector of the task's words
	AuxvSize           uint32 // bytes; 0 leaves the vector
	ExeFd              uint32 // ^0 leaves the link
}

// SizeofPrctlMmMap is the size of struct prctl_mm_map, bytes; PR_SET_MM_MAP_SIZE tells the kernel's.
const SizeofPrctlMmMap = 104

// NoExeFd in PrctlMmMap.ExeFd leaves /proc/PID/exe as it is.
const NoExeFd = ^uint32(0)

// Append appends the struct as a little-endian task's kernel reads it.
func (m *PrctlMmMap) Append(b []byte) []byte {
	for _, v := range []uint64{m.StartCode, m.EndCode, m.StartData, m.EndData, m.StartBrk, m.Brk, m.StartStack,
		m.ArgStart, m.ArgEnd, m.EnvStart, m.EnvEnd, m.Auxv} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, m.AuxvSize)
	return binary.LittleEndian.AppendUint32(b, m.ExeFd)
}
