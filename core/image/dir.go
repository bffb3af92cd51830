package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"woodfrog/internal/buffers"
	"woodfrog/internal/fds"
)

// order is the byte order of magics and entry sizes. CRIU writes its machine's; all that it runs on by now, but for s390, is
// little-endian.
var order = binary.LittleEndian

// Dir is an open directory of image files. Its methods may be called from several goroutines.
type Dir struct {
	fd    int
	path  string
	names map[string]bool // of all files, once List has read them
	// Sync makes every file durable when it is closed, and the directory at Commit.
	Sync bool
	// Full is for tests: when it says yes to a file that is created, the file system has no space for it. It may be nil.
	Full func() bool
}

// OpenDir opens a directory of image files.
func OpenDir(path string) (*Dir, error) {
	fd, err := openat(unix.AT_FDCWD, path, dirFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("images %s: %w", path, err)
	}
	return &Dir{fd: fd, path: path}, nil
}

// Path returns the path that the directory was opened with.
func (d *Dir) Path() string { return d.path }

// Fd returns the directory's file descriptor, which stays d's.
func (d *Dir) Fd() int { return d.fd }

// Close closes the directory, and what of the files that were read is still open.
func (d *Dir) Close() error {
	fds.Later(d.fd)
	fds.Flush()
	return nil
}

// parentLink is the name of the link to the images of the pre-dump that this one builds on.
const parentLink = "parent"

// Parent opens the directory of the images that these build on. An error that is fs.ErrNotExist means there are none.
func (d *Dir) Parent() (*Dir, error) {
	fd, err := openat(d.fd, parentLink, dirFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("images %s: %s: %w", d.path, parentLink, err)
	}
	return &Dir{fd: fd, path: d.path + "/" + parentLink}, nil
}

// SetParent links the directory at target, relative to d, as the images that these build on.
func (d *Dir) SetParent(target string) error {
	if err := unlinkat(d.fd, parentLink); err != nil {
		return err
	}
	if err := unix.Symlinkat(target, d.fd, parentLink); err != nil {
		return fmt.Errorf("%s: %w", parentLink, err)
	}
	return nil
}

// Names returns the names of the directory's files, in no order.
func (d *Dir) Names() ([]string, error) {
	// A descriptor of its own, because reading moves the position.
	fd, err := openat(d.fd, ".", dirFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("images %s: %w", d.path, err)
	}
	defer unix.Close(fd)
	return d.read(fd)
}

// List reads which files there are, once. From then on those that are not are no trouble to Open.
func (d *Dir) List() error {
	names, err := d.read(d.fd)
	if err != nil {
		return err
	}
	d.names = make(map[string]bool, len(names))
	for _, name := range names {
		d.names[name] = true
	}
	return nil
}

// read reads the names from the position of fd, one of the directory's descriptors, on.
func (d *Dir) read(fd int) (names []string, err error) {
	room := buffers.Get(readSize)
	defer buffers.Put(room)
	for {
		var n int
		if err := retry(func() (err error) { n, err = unix.ReadDirent(fd, *room); return err }); err != nil {
			return nil, fmt.Errorf("images %s: %w", d.path, err)
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent((*room)[:n], -1, names)
	}
}

const newInventory = "inventory.img.new"

// Begin makes the directory not a checkpoint: the inventory is the commit record, and without it nothing is restored.
func (d *Dir) Begin() error { return unlinkat(d.fd, Inventory.FileName(0)) }

// Remove sees to it that there is no such file.
func (d *Dir) Remove(k Kind, id int) error { return unlinkat(d.fd, k.FileName(id)) }

// Commit makes the directory a checkpoint by writing its inventory, under another name first, so that it is there as a
// whole or not at all.
func (d *Dir) Commit(inv *InventoryEntry) error {
	w, err := d.create(Inventory, newInventory)
	if err != nil {
		return err
	}
	if err := w.Put(inv); err != nil {
		w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := unix.Renameat(d.fd, newInventory, d.fd, Inventory.FileName(0)); err != nil {
		return fmt.Errorf("%s: rename: %w", newInventory, err)
	}
	if d.Sync {
		if err := retry(func() error { return unix.Fsync(d.fd) }); err != nil {
			return fmt.Errorf("images %s: fsync: %w", d.path, err)
		}
	}
	return nil
}

// CreateRaw creates the file of kind k for id and leaves its contents to the caller, for kinds that have no header.
func (d *Dir) CreateRaw(k Kind, id int) (*File, error) {
	name := k.FileName(id)
	fd, err := openat(d.fd, name, rawFlags, createMode)
	if err == nil && d.full() {
		unix.Close(fd)
		err = unix.ENOSPC
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &File{fd: fd, name: name, sync: d.Sync}, nil
}

func (d *Dir) full() bool { return d.Full != nil && d.Full() }

// OpenPages opens a pages file for reading, which ReadPagemap has looked at. Programs that are executed have it open, too, if they are to
// inherit it.
func (d *Dir) OpenPages(id int, inherit bool) (*File, error) {
	name, flags := Pages.FileName(id), readFlags
	if inherit {
		flags &^= unix.O_CLOEXEC
	}
	fd, err := openat(d.fd, name, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &File{fd: fd, name: name}, nil
}

// Files are neither followed through a link, which could lead a privileged engine anywhere, nor waited for.
const (
	createFlags = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	rawFlags    = createFlags&^unix.O_WRONLY | unix.O_RDWR // to be mapped
	readFlags   = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	dirFlags    = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	// A checkpoint holds all that its tasks had in memory, keys and passwords too: it is for its owner only.
	createMode = 0o600
)

func openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_LARGEFILE, mode)
		return err
	})
	return fd, err
}

func unlinkat(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// regularSize returns the size of a regular file. Anything else is no image.
func regularSize(fd int) (int64, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, errors.New("not a regular file")
	}
	return st.Size, nil
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
