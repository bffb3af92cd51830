package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kinds of a file's owner, and the command that x/sys/unix lacks (include/uapi/asm-generic/fcntl.h).
const (
	F_OWNER_TID  = 0
	F_OWNER_PID  = 1
	F_OWNER_PGRP = 2

	F_GETOWNER_UIDS = 17
)

// Owner is struct f_owner_ex: who gets SIGIO and SIGURG of a file.
type Owner struct {
	Type int32 // F_OWNER_*
	PID  int32 // 0 for nobody
}

// GetOwner asks who the owner of fd is (F_GETOWN_EX).
func GetOwner(fd int) (Owner, error) {
	var o Owner
	err := fcntl(fd, unix.F_GETOWN_EX, unsafe.Pointer(&o))
	return o, err
}

// SetOwner makes o the owner of fd, with the caller's credentials (F_SETOWN_EX).
func SetOwner(fd int, o Owner) error { return fcntl(fd, unix.F_SETOWN_EX, unsafe.Pointer(&o)) }

// GetOwnerUIDs asks for the real and effective user that set the owner of fd (F_GETOWNER_UIDS, with CONFIG_CHECKPOINT_RESTORE; EINVAL
// without).
func GetOwnerUIDs(fd int) (uid, euid uint32, err error) {
	var ids [2]uint32
	err = fcntl(fd, F_GETOWNER_UIDS, unsafe.Pointer(&ids))
	return ids[0], ids[1], err
}

func fcntl(fd int, command uintptr, arg unsafe.Pointer) error {
	return retry(func() unix.Errno {
		_, _, e := unix.Syscall(sysFcntl, uintptr(fd), command, uintptr(arg))
		return e
	})
}
