package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// pidFile is what CRIU writes: a new file with the number alone. It is made under another name before there is a tree, and has its own only
// with the number in it: nobody finds it empty.
type pidFile struct {
	path string
	fd   int // -1 when it is closed
}

func newPidFile(path string) (*pidFile, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("pidfile: %s: %w", path, fs.ErrExist)
	}
	f := &pidFile{path: path}
	// os.OpenFile would start the runtime's poller
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	var err error
	if f.fd, err = unix.Open(f.unfinished(), flags, 0o600); err == unix.EEXIST { // of a restore that had our PID and was killed
		_ = unix.Unlink(f.unfinished())
		f.fd, err = unix.Open(f.unfinished(), flags, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("pidfile: %w", &fs.PathError{Op: "create", Path: f.unfinished(), Err: err})
	}
	return f, nil
}

// unfinished is a name that no other restore has.
func (f *pidFile) unfinished() string { return fmt.Sprintf("%s.%d", f.path, linux.Pid()) }

// publish writes the PID of a tree that runs.
func (f *pidFile) publish(pid int) error {
	_, err := io.WriteString(descriptor(f.fd), strconv.Itoa(pid))
	err = errors.Join(err, unix.Close(f.fd))
	f.fd = -1
	if err == nil {
		err = rename(f.unfinished(), f.path)
	}
	if err != nil {
		_ = unix.Unlink(f.unfinished())
		return fmt.Errorf("task %d runs: pidfile: %w", pid, &fs.PathError{Op: "write", Path: f.path, Err: err})
	}
	return nil
}

// rename replaces no file, where the file system can see to that.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = unix.Rename(from, to)
	}
	return err
}

// discard removes what was not published.
func (f *pidFile) discard() {
	if f.fd >= 0 {
		_ = unix.Close(f.fd)
		_ = unix.Unlink(f.unfinished())
		f.fd = -1
	}
}
