package linux

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SyscallInfo is struct ptrace_syscall_info (include/uapi/linux/ptrace.h, since Linux 5.3): why a task is in a system call stop, on every
// architecture alike.
type SyscallInfo struct {
	Op      uint8  // unix.PTRACE_SYSCALL_INFO_*; NONE: in no system call stop
	Arch    uint32 // AUDIT_ARCH_* of the call
	IP, SP  uint64
	Nr      uint64    // ENTRY and SECCOMP
	Args    [6]uint64 // ENTRY and SECCOMP
	RetData uint32    // SECCOMP: SECCOMP_RET_DATA
	Rval    int64     // EXIT: negative errno if IsError
	IsError bool      // EXIT
}

// sizeofSyscallInfo is the size of the struct, bytes, with what SECCOMP adds.
const sizeofSyscallInfo = 88

// GetSyscallInfo reads the system call stop of tid.
func GetSyscallInfo(tid int) (SyscallInfo, error) {
	var b [sizeofSyscallInfo]byte
	if _, err := ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(b), uintptr(unsafe.Pointer(&b))); err != nil {
		return SyscallInfo{}, err
	}
	return syscallInfo(&b), nil
}

func syscallInfo(b *[sizeofSyscallInfo]byte) SyscallInfo {
	word := binary.NativeEndian.Uint64
	info := SyscallInfo{Op: b[0], Arch: binary.NativeEndian.Uint32(b[4:]), IP: word(b[8:]), SP: word(b[16:])}
	switch info.Op {
	case unix.PTRACE_SYSCALL_INFO_EXIT:
		info.Rval, info.IsError = int64(word(b[24:])), b[32] != 0
	case unix.PTRACE_SYSCALL_INFO_ENTRY, unix.PTRACE_SYSCALL_INFO_SECCOMP:
		info.Nr = word(b[24:])
		for i := range info.Args {
			info.Args[i] = word(b[32+8*i:])
		}
		if info.Op == unix.PTRACE_SYSCALL_INFO_SECCOMP {
			info.RetData = binary.NativeEndian.Uint32(b[80:])
		}
	}
	return info
}
