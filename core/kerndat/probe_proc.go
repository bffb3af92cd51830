package kerndat

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	return unless(err, nil, []error{fs.ErrNotExist})
}

func probePagemap() (bool, error) { return exists("/proc/self/pagemap") }

// /proc/PID/timers is there under CONFIG_CHECKPOINT_RESTORE and CONFIG_POSIX_TIMERS (fs/proc/base.c).
func probeProcTimers() (bool, error) { return exists("/proc/self/timers") }

// fdinfoHas says whether the description of a descriptor has a line that begins with key.
func fdinfoHas(fd int, key string) (bool, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	return bytes.Contains(text, []byte("\n"+key)), err
}

func probeMntID() (bool, error) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return fdinfoHas(fd, "mnt_id:")
}

// fs/locks.c, show_fd_locks: a line for each lock of the file that this descriptor holds.
func probeFdinfoLock() (bool, error) {
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false, err
	}
	return fdinfoHas(fd, "lock:")
}

// fs/timerfd.c, timerfd_show.
func probeFdinfoTimerfd() (bool, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return fdinfoHas(fd, "clockid:")
}

// kernel/kcmp.c, kcmp_epoll_target.
func probeKcmpEpoll() (bool, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false, err
	}
	defer unix.Close(ep)
	target, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return false, err
	}
	defer unix.Close(target)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(target)}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, target, &event); err != nil {
		return false, err
	}
	same, err := linux.KcmpEpoll(linux.Pid(), linux.Pid(), target, linux.EpollSlot{Efd: uint32(ep), Tfd: uint32(target)})
	if err == nil && same != 0 {
		return false, errors.New("kcmp says that a file differs from itself")
	}
	return unless(err, nil, []error{unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP})
}
