package linux

import "golang.org/x/sys/unix"

// TaskFd returns a copy of a task's descriptor: the same description, for the caller to close (pidfd_getfd(2), Linux 5.6). The task
// cannot tell.
func TaskFd(pid, fd int) (int, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pidfd)
	return unix.PidfdGetfd(pidfd, fd, 0)
}

// FD reads an open file as an io.ReaderAt.
type FD int

func (fd FD) ReadAt(b []byte, off int64) (int, error) {
	n, err := unix.Pread(int(fd), b, off)
	return max(n, 0), err
}

// Memfd is memfd_create(2) of a file that may be executed. MFD_EXEC is EINVAL before Linux 6.3, and needed where the sysctl
// vm.memfd_noexec is 1.
func Memfd(name string, flags int) (int, error) {
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}
