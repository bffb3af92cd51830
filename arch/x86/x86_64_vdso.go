package x86

import (
	"encoding/binary"
	"math"

	"woodfrog/arch"
)

// vdso64 writes code for x86-64 (Intel SDM vol. 2). The functions of the vDSO are called by the System V ABI, whose arguments are
// in the registers of a system call but for the fourth, which none of these calls has; rax, rcx and r11 are the callee's.
var vdso64 = arch.VDSO{
	MapCode:    0x2003,    // ARCH_MAP_VDSO_64, arch/x86/include/uapi/asm/prctl.h, since Linux 4.9
	Reach:      1<<31 - 5, // from the end of the branch
	Near:       near64,
	Far:        far64,
	Call:       call64,
	CallRandom: callRandom64,
	Fail:       func(uint64) []byte { return append(movEnosys64(), 0xc3) },
	SystemCalls: map[string]arch.Call{
		"clock_gettime": arch.SysClockGettime,
		"clock_getres":  arch.SysClockGetres,
		"gettimeofday":  arch.SysGettimeofday,
		"time":          arch.SysTime,
		"getcpu":        arch.SysGetcpu,
		"getrandom":     arch.SysGetrandom,
	},
}

// near64 is jmp rel32 (E9 cd).
func near64(at, target uint64) []byte {
	const size = 5
	rel := int64(target - (at + size))
	if rel < math.MinInt32 || rel > math.MaxInt32 {
		return nil
	}
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(rel))
}

// far64 is movabs rax, target; jmp rax.
func far64(_, target uint64) []byte {
	return append(binary.LittleEndian.AppendUint64([]byte{0x48, 0xb8}, target), 0xff, 0xe0)
}

// call64 is mov eax, nr; syscall; ret.
func call64(_ uint64, nr int) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0xb8}, uint32(nr)), 0x0f, 0x05, 0xc3)
}

// callRandom64 looks at the fifth argument, opaque_len: cmp r8, -1; je out; the call; out: mov rax, -ENOSYS; ret.
func callRandom64(at uint64, nr int) []byte {
	call := call64(at, nr)
	b := append([]byte{0x49, 0x83, 0xf8, 0xff, 0x74, byte(len(call))}, call...)
	return append(append(b, movEnosys64()...), 0xc3)
}

// movEnosys64 is mov rax, -ENOSYS (REX.W C7 /0 id).
func movEnosys64() []byte {
	const enosys = 38
	return binary.LittleEndian.AppendUint32([]byte{0x48, 0xc7, 0xc0}, negate32(enosys))
}

func negate32(v uint32) uint32 { return -v }
