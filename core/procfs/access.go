package procfs

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FdAccess says whether the description of FD is open for reading and for writing: the owner's bits of the link's own mode tell
// (fs/proc/fd.c, tid_fd_update_inode). It costs less than Fdinfo.
func (t *Task) FdAccess(fd int) (read, write bool, err error) {
	name := "fd/" + strconv.Itoa(fd)
	mode, err := t.src.lstat(t.at + name)
	return mode&0o400 != 0, mode&0o200 != 0, t.wrap(name, err)
}

func (d *dir) lstat(name string) (uint32, error) {
	var st unix.Stat_t
	_, err := ignoringEINTR(func() (int, error) { return 0, unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st.Mode, err
}

func (t tree) lstat(name string) (uint32, error) {
	info, err := fs.Lstat(t.fsys, path.Join(t.at, name))
	if err != nil {
		return 0, err
	}
	return uint32(info.Mode().Perm()), nil
}

// SecurityLabel reads attr/current, how the security module (SELinux, AppArmor) labels the task; an error where there is none.
func (t *Task) SecurityLabel() (string, error) {
	return read(t, "attr/current", single, func(b []byte) (string, error) { return strings.TrimRight(string(b), "\n\x00"), nil })
}
