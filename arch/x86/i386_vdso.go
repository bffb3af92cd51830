package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// vdso32 writes code for ia32 (Intel SDM vol. 2). The functions of the vDSO are called by the System V ABI: arguments on the stack;
// eax, ecx and edx are the callee's.
var vdso32 = arch.VDSO{
	// No MapCode: ARCH_MAP_VDSO_32 is for 64-bit calls alone (arch/x86/kernel/process_64.c, COMPAT_SYSCALL_DEFINE2(arch_prctl)).
	Reach:         1 << 32,
	Near:          near32,
	Far:           far32,
	Call:          call32,
	Vsyscall:      vsyscall32,
	VsyscallLeave: vsyscallLeave32,
	SystemCalls: map[string]arch.Call{
		"clock_gettime":       arch.SysClockGettime,
		"clock_gettime64":     arch.SysClockGettime64,
		"clock_getres":        arch.SysClockGetres,
		"clock_getres_time64": arch.SysClockGetres64,
		"gettimeofday":        arch.SysGettimeofday,
		"time":                arch.SysTime,
		"getcpu":              arch.SysGetcpu,
	},
}

// near32 is jmp rel32 (E9 cd), which wraps: it gets everywhere.
func near32(at, target uint64) []byte {
	const size = 5
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(target-(at+size)))
}

// far32 is mov eax, target; jmp eax.
func far32(_, target uint64) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0xb8}, uint32(target)), 0xff, 0xe0)
}

// call32 is push ebx; mov ebx, [esp+8]; mov ecx, [esp+12]; mov edx, [esp+16]; mov eax, nr; int 0x80; pop ebx; ret. None of the
// functions has more than three arguments.
func call32(_ uint64, nr int) []byte {
	b := []byte{0x53, 0x8b, 0x5c, 0x24, 0x08, 0x8b, 0x4c, 0x24, 0x0c, 0x8b, 0x54, 0x24, 0x10, 0xb8}
	b = append(binary.LittleEndian.AppendUint32(b, uint32(nr)), int80...)
	return append(b, 0x5b, 0xc3)
}

// The end of __kernel_vsyscall: int 0x80; pop ebp; pop edx; pop ecx; ret (arch/x86/entry/vdso/vdso32/system_call.S). Before it come
// four bytes that enter the kernel in a quicker way, if the processor has one: mov of esp or ecx to ebp; sysenter or syscall.
var vsyscallEnd = []byte{0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3}

const vsyscallEnter = 4

// vsyscallSlow is put in the place of the quick way: a no-operation of two bytes; pop ebp; push ebp.
var vsyscallSlow = []byte{0x66, 0x90, 0x5d, 0x55}

// vsyscall32 takes out the quick way, which would come back in the vDSO that the kernel knows, the parked one. Everything else stays
// where it is, so that a thread may be anywhere in it when the task goes to another kernel, or comes home. One that was right before
// sysenter or syscall has lost ebp: pop ebp; push ebp get it back. Code that nobody has seen yet becomes int 0x80; ret.
func vsyscall32(code []byte) []byte {
	end := bytes.Index(code, vsyscallEnd)
	if end < vsyscallEnter {
		return append(bytes.Clone(int80), 0xc3)
	}
	return append(bytes.Clone(code[:end-vsyscallEnter]), vsyscallSlow...)
}

// vsyscallLeave32 are pop ebp; push ebp: at home sysenter or syscall is there, which needs another ebp.
func vsyscallLeave32(code []byte) (from, to int) {
	end := bytes.Index(code, vsyscallEnd)
	if end < vsyscallEnter || !bytes.Equal(code[end-vsyscallEnter:end], vsyscallSlow) {
		return 0, 0
	}
	return end - 2, end
}
