package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneArgs is struct clone_args (include/uapi/linux/sched.h), CLONE_ARGS_SIZE_VER1.
type cloneArgs struct {
	flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize uint64
}

// ProbeClone3SetTid calls clone3 with set_tid in a way that never makes a child: EFAULT says that the kernel went to read
// set_tid, which comes first (kernel/fork.c, copy_clone_args_from_user); if it could, the flags would be EINVAL.
func ProbeClone3SetTid() error {
	const cloneDetached = 0x00400000 // refused by clone3_args_valid
	args := cloneArgs{flags: cloneDetached, setTid: 1, setTidSize: 1}
	_, _, e := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return e
}

// kcmpEpollSlot is struct kcmp_epoll_slot (include/uapi/linux/kcmp.h).
type kcmpEpollSlot struct {
	epfd, target, nth uint32
}

// KcmpEpoll compares descriptor fd of pid with the nth file that is called target in epfd of the same task (Linux 4.13).
// 0 says that they are one file.
func KcmpEpoll(pid, fd, epfd, target, nth int) (int, error) {
	const kcmpEpollTfd = 7
	slot := kcmpEpollSlot{uint32(epfd), uint32(target), uint32(nth)}
	r, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid), uintptr(pid), kcmpEpollTfd, uintptr(fd), uintptr(unsafe.Pointer(&slot)), 0)
	if e != 0 {
		return 0, e
	}
	return int(r), nil
}

// MMMapSize asks for the size of struct prctl_mm_map: EINVAL without CONFIG_CHECKPOINT_RESTORE.
func MMMapSize() (int, error) {
	var size uint32
	if err := unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_MAP_SIZE, uintptr(unsafe.Pointer(&size)), 0, 0); err != nil {
		return 0, err
	}
	return int(size), nil
}
