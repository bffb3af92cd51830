package file

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// inode is what a path leads to.
type inode struct {
	dev, ino, mount      uint64
	mode                 uint32
	size                 uint64
	rdevMajor, rdevMinor uint32
	uid, gid             uint32
}

const statxMask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID

// statx looks at path in the engine's root, not through a link at its end.
func statx(path string, flags int) (*inode, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, flags|unix.AT_NO_AUTOMOUNT, statxMask, &st); err != nil {
		return nil, err
	}
	return &inode{
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, mount: st.Mnt_id, mode: uint32(st.Mode), size: st.Size,
		rdevMajor: st.Rdev_major, rdevMinor: st.Rdev_minor, uid: st.Uid, gid: st.Gid,
	}, nil
}

// inode is what is at path; the answer is kept, for many tasks have the same files.
func (tb *Table) inode(path string) (*inode, error) {
	if st, ok := tb.inodes[path]; ok {
		return st, nil
	}
	st, err := statx(path, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	tb.inodes[path] = st
	return st, nil
}

var (
	errDeleted = errors.New("the file is deleted: not served yet: let the task close it before the dump")
	errMoved   = errors.New("its path leads to another file by now")
)

// named is the inode of a descriptor whose link is a path, once it is sure that the path leads to it.
func (tb *Table) named(d *Descriptor) (*inode, error) {
	st, err := tb.inode(d.Link)
	if err == nil && d.Info.Ino.Present && st.ino == d.Info.Ino.Value && st.mount == uint64(d.Info.MntID) {
		return st, nil
	}
	return tb.identical(d.Link, d.Task, "fd/"+strconv.Itoa(d.Fd))
}

// identical compares what is at path with what the link name of t leads to, whose text path is.
func (tb *Table) identical(path string, t *task.Task, name string) (*inode, error) {
	own, err := statx(fmt.Sprintf("/proc/%d/%s", t.Pid, name), 0)
	if err != nil {
		return nil, fmt.Errorf("stat: %w", err)
	}
	return tb.leadsTo(path, own)
}

// leadsTo checks that path leads to the inode own.
func (tb *Table) leadsTo(path string, own *inode) (*inode, error) {
	st, err := tb.inode(path)
	switch {
	case err != nil && strings.HasSuffix(path, procfs.DeletedSuffix):
		return nil, errDeleted
	case err != nil:
		return nil, err
	case st.dev == own.dev && st.ino == own.ino:
		return st, nil
	case tb.EvasiveDevices && st.mode&unix.S_IFMT == own.mode&unix.S_IFMT && isDevice(st.mode) &&
		st.rdevMajor == own.rdevMajor && st.rdevMinor == own.rdevMinor:
		return st, nil
	case isDevice(own.mode):
		return nil, fmt.Errorf("%w (--evasive-devices takes another one of the same number)", errMoved)
	}
	return nil, errMoved
}

func isDevice(mode uint32) bool {
	return mode&unix.S_IFMT == unix.S_IFCHR || mode&unix.S_IFMT == unix.S_IFBLK
}
