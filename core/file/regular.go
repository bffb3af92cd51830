package file

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// regularKind are files that are opened by their path and have no state but position and flags: regular files,
// directories, memory devices, and whatever was opened with O_PATH.
var regularKind = kind{typ: image.FdTypes_REG, dump: (*Table).regular}

func (tb *Table) regular(d *description) (*image.FileEntry, error) {
	st, err := tb.inode(d.Link)
	if err != nil {
		return nil, err
	}
	e := regularEntry(d.id, d.Link, st, d.flags())
	e.Reg.Pos = uint64(d.Info.Pos)
	e.Reg.Fown = d.fown
	return e, nil
}

func regularEntry(id uint32, path string, st *inode, flags uint32) *image.FileEntry {
	mode := st.mode
	r := &image.RegFileEntry{Id: id, Flags: flags, Fown: &image.FownEntry{}, Name: path, Mode: &mode}
	// a log may grow until the restore, and no harm done
	log := flags&unix.O_ACCMODE == unix.O_WRONLY && flags&unix.O_APPEND != 0
	if mode&unix.S_IFMT == unix.S_IFREG && !log {
		size := st.size
		r.Size = &size
	}
	return &image.FileEntry{Type: image.FdTypes_REG, Id: id, Reg: r}
}

// Exe returns the id of a description of the program of t.
func (tb *Table) Exe(t *task.Task) (uint32, error) {
	path, err := t.Proc.Link("exe")
	if err != nil {
		return 0, err
	}
	for i := range t.Areas {
		if m := &t.Areas[i]; m.Path == path && !m.Deleted {
			return tb.Mapped(t, m, unix.O_RDONLY) // most likely the same, and looked at already
		}
	}
	return tb.link(t, "exe", path, unix.O_RDONLY)
}

// link returns the id of a description of the file at a link of /proc/PID that is no descriptor.
func (tb *Table) link(t *task.Task, name, path string, flags uint32) (uint32, error) {
	id, err := tb.path(path, flags, func() (*inode, error) { return tb.identical(path, t, name) })
	if err != nil {
		return 0, fmt.Errorf("task %d: %s: %s: %w", t.Pid, name, path, err)
	}
	return id, nil
}

// path returns the id of a description that only a path and flags tell from others.
func (tb *Table) path(path string, flags uint32, check func() (*inode, error)) (uint32, error) {
	st, err := check()
	if err != nil {
		return 0, err
	}
	k := pathKey{path, flags}
	if id, ok := tb.paths[k]; ok {
		return id, nil
	}
	id := tb.nextID()
	tb.paths[k] = id
	tb.Entries = append(tb.Entries, regularEntry(id, path, st, flags))
	return id, nil
}

// Mapped is mem.FileIDs.
func (tb *Table) Mapped(t *task.Task, m *procfs.Smap, flags uint32) (uint32, error) {
	if tb.Memory != nil && tb.Memory.Is(m.Raw) {
		return tb.mappedMemory(t, m, flags)
	}
	name, deleted := m.Path, m.Deleted
	if deleted {
		if _, err := tb.inode(name + procfs.DeletedSuffix); err == nil { // the suffix is a part of the name
			name, deleted = name+procfs.DeletedSuffix, false
		}
	}
	id, err := tb.path(name, flags, func() (*inode, error) {
		st, err := tb.inode(name)
		if err == nil && st.ino == m.Inode && st.dev == unix.Mkdev(m.Major, m.Minor) {
			return st, nil
		}
		if deleted {
			return nil, errDeleted
		}
		return tb.identical(name, t, fmt.Sprintf("map_files/%x-%x", m.Start, m.End))
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}

// notOpened are flags that open(2) is not given: they say how the file was made, or are set afterwards.
const notOpened = unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_ASYNC | oTmpfile

// oTmpfile is __O_TMPFILE (include/uapi/asm-generic/fcntl.h), with which O_DIRECTORY comes.
const oTmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY

func (o *Opener) regular(e *image.FileEntry) (int, error) {
	r := e.Reg
	fd, err := o.openPath(r, r.Flags)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", r.Name, err)
	}
	return fd, nil
}

// openPath opens the file of r and checks that it is still what it was.
func (o *Opener) openPath(r *image.RegFileEntry, flags uint32) (int, error) {
	if !strings.HasPrefix(r.Name, "/") {
		return -1, errors.New("no absolute path")
	}
	how := flags &^ notOpened
	if flags&oTmpfile != 0 {
		how &^= unix.O_DIRECTORY
	}
	fd, err := open(r.Name, how)
	if err != nil {
		return -1, fmt.Errorf("open: %w", err)
	}
	if err = o.prepare(fd, r); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (o *Opener) prepare(fd int, r *image.RegFileEntry) error {
	if err := o.check(fd, r); err != nil {
		return err
	}
	if r.Flags&unix.O_PATH != 0 {
		return nil
	}
	const nowhere = ^uint64(0) // CRIU's for a file that has no position
	if r.Pos != 0 && r.Pos != nowhere {
		if _, err := unix.Seek(fd, int64(r.Pos), unix.SEEK_SET); err != nil {
			return fmt.Errorf("seek to %d: %w", r.Pos, err)
		}
	}
	return o.setAsync(fd, r.Flags, r.Fown)
}

// check compares the file with the one that was dumped.
func (o *Opener) check(fd int, r *image.RegFileEntry) error {
	if r.Size == nil && r.Mode == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if r.Size != nil && uint64(st.Size) != *r.Size {
		return fmt.Errorf("size %d: it was %d at the dump: the file has changed", st.Size, *r.Size)
	}
	if r.Mode == nil {
		return nil
	}
	const rwx = 0o777
	mask := ^uint32(0)
	if o.SkipFileRWXCheck {
		mask &^= rwx
	}
	if st.Mode&mask == *r.Mode&mask {
		return nil
	}
	err := fmt.Errorf("mode %#o: it was %#o at the dump", st.Mode, *r.Mode)
	if st.Mode&^rwx == *r.Mode&^rwx {
		err = fmt.Errorf("%w (--skip-file-rwx-check lets it pass)", err)
	}
	return err
}
