package file

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// kept are the flags of open(2) that a restored description is opened with.
const kept = unix.O_ACCMODE | unix.O_APPEND | unix.O_DIRECT | unix.O_DIRECTORY | unix.O_DSYNC | unix.O_LARGEFILE |
	unix.O_NOATIME | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_PATH | unix.O_SYNC | unix.O_ASYNC

func (d *Descriptor) regular(id uint32) (*image.FileEntry, error) {
	if strings.HasSuffix(d.Link, " (deleted)") {
		return nil, fmt.Errorf("%s: deleted files are not served yet", d.Link)
	}
	e, err := regularPath(id, d.Link, d.Info.Flags&kept)
	if err != nil {
		return nil, err
	}
	e.Reg.Pos = uint64(d.Info.Pos)
	return e, nil
}

func regularPath(id uint32, path string, flags uint32) (*image.FileEntry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	mode := st.Mode
	r := &image.RegFileEntry{Id: id, Flags: flags, Fown: &image.FownEntry{}, Name: path, Mode: &mode}
	if mode&unix.S_IFMT == unix.S_IFREG {
		size := uint64(st.Size)
		r.Size = &size
	}
	return &image.FileEntry{Type: image.FdTypes_REG, Id: id, Reg: r}, nil
}

// OpenRegular opens the file of e in the engine, as it was.
func OpenRegular(e *image.RegFileEntry) (int, error) {
	fd, err := unix.Open(e.Name, int(e.Flags)|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: open: %w", e.Name, err)
	}
	if e.Pos != 0 && e.Flags&unix.O_PATH == 0 {
		if _, err := unix.Seek(fd, int64(e.Pos), unix.SEEK_SET); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("%s: seek to %d: %w", e.Name, e.Pos, err)
		}
	}
	return fd, nil
}
