package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Nowhere is an address at which no process has memory. A NULL pointer may lead to some (personality(2), MMAP_PAGE_ZERO).
const Nowhere = ^uintptr(0xfff)

// ProbeClone3SetTid calls clone3 with set_tid in a way that never makes a child: EFAULT says that the kernel went to read
// set_tid, which comes first (kernel/fork.c, copy_clone_args_from_user); if it could, the flags would be EINVAL.
func ProbeClone3SetTid() error {
	const cloneDetached = 0x00400000 // refused by clone3_args_valid
	args := CloneArgs{Flags: cloneDetached, SetTid: uint64(Nowhere), SetTidSize: 1}
	_, _, e := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return e
}

// MMMapSize asks for the size of struct prctl_mm_map: EINVAL without CONFIG_CHECKPOINT_RESTORE.
func MMMapSize() (int, error) {
	var size uint32
	if err := unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_MAP_SIZE, uintptr(unsafe.Pointer(&size)), 0, 0); err != nil {
		return 0, err
	}
	return int(size), nil
}
