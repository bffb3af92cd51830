package linux

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signalfd makes a descriptor from which signals are read; signal n is bit n-1 of mask (signalfd4(2)).
func Signalfd(mask uint64, flags int) (fd int, err error) {
	none := -1
	r, _, e := unix.Syscall6(unix.SYS_SIGNALFD4, uintptr(none), uintptr(unsafe.Pointer(&mask)), unsafe.Sizeof(mask), uintptr(flags), 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

// timerfdSetTicks is TFD_IOC_SET_TICKS, _IOW('T', 0, u64) (include/uapi/linux/timerfd.h).
var timerfdSetTicks = iow('T', 0, 8)

// SetTimerfdTicks says how often a timer has expired since it was read last; 0 is EINVAL. CONFIG_CHECKPOINT_RESTORE.
func SetTimerfdTicks(fd int, ticks uint64) error {
	_, err := ioctl(fd, timerfdSetTicks, unsafe.Pointer(&ticks))
	return err
}
