package mem

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/internal/linux"
)

// Objects makes the files in memory of an image, each when it is asked for. They are the engine's own files, filled here, and
// tasks get descriptors of them.
type Objects struct {
	dir    *image.Dir
	inodes map[uint64]*image.MemfdInodeEntry // by inode id
	made   map[uint64]int                    // descriptors for reading and writing, by inode id
	taken  map[uint64]bool                   // the first description of those is in use
	anon   map[uint64]int                    // of areas that name an object without an inode, by shmid
	sizes  map[uint64]uint64                 // of those
	copier copier
}

// NewObjects makes none yet. inodes is the image's list of files in memory, by inode id.
func NewObjects(dir *image.Dir, inodes map[uint64]*image.MemfdInodeEntry) *Objects {
	return &Objects{dir: dir, inodes: inodes, made: map[uint64]int{}, taken: map[uint64]bool{},
		anon: map[uint64]int{}, sizes: map[uint64]uint64{}}
}

// Need notes areas of shared anonymous memory that the image knows by shmid only: an object is as large as its farthest area.
func (o *Objects) Need(vmas []*image.VmaEntry) {
	for _, v := range vmas {
		if v.Status&image.VmaAnonShared != 0 {
			o.sizes[v.Shmid] = max(o.sizes[v.Shmid], v.Pgoff+v.End-v.Start)
		}
	}
}

// Anon is a descriptor of the shared anonymous memory of a shmid that Need has seen. It stays o's.
func (o *Objects) Anon(shmid uint64) (int, error) {
	if fd, ok := o.anon[shmid]; ok {
		return fd, nil
	}
	fd, err := newAnon(o.sizes[shmid])
	if err != nil {
		return -1, fmt.Errorf("shared memory %d: %w", shmid, err)
	}
	o.anon[shmid] = fd
	return fd, o.fill(fd, shmid, o.sizes[shmid])
}

// Memory is a descriptor, for reading and writing, of the file in memory of an inode id. It stays o's.
func (o *Objects) Memory(id uint64) (int, error) {
	if fd, ok := o.made[id]; ok {
		return fd, nil
	}
	e := o.inodes[id]
	if e == nil {
		return -1, fmt.Errorf("%s: inode_id: %d: missing", image.MemfdInode, id)
	}
	fd, err := o.make(e)
	if err != nil {
		return -1, fmt.Errorf("memory file %q: %w", e.Name, err)
	}
	return fd, nil
}

func (o *Objects) make(e *image.MemfdInodeEntry) (fd int, err error) {
	if e.HugetlbFlag != nil {
		return -1, errors.New("hugetlb memory cannot be restored")
	}
	if e.Name == anonShared {
		fd, err = newAnon(e.Size)
	} else if fd, err = newMemfd(e); err == nil {
		err = unix.Ftruncate(fd, int64(e.Size))
	}
	if fd >= 0 {
		o.made[e.InodeId] = fd
	}
	if err != nil {
		return -1, err
	}
	if err := o.fill(fd, uint64(e.Shmid), e.Size); err != nil {
		return -1, err
	}
	if e.Name == anonShared {
		return fd, nil
	}
	if err := unix.Fchown(fd, int(e.Uid), int(e.Gid)); err != nil {
		return -1, fmt.Errorf("owner %d:%d: %w", e.Uid, e.Gid, err)
	}
	if e.Mode != nil {
		if err := unix.Fchmod(fd, *e.Mode&0o7777); err != nil {
			return -1, fmt.Errorf("mode %o: %w", *e.Mode, err)
		}
	}
	return fd, nil
}

func newMemfd(e *image.MemfdInodeEntry) (int, error) {
	flags := unix.MFD_CLOEXEC
	if e.Seals != unix.F_SEAL_SEAL {
		flags |= unix.MFD_ALLOW_SEALING
	}
	return linux.Memfd(e.Name, flags)
}

// newAnon is a descriptor of new shared anonymous memory, which outlives its only mapping.
func newAnon(size uint64) (int, error) {
	page := uint64(unix.Getpagesize())
	size = (size + page - 1) &^ (page - 1)
	// not reserved: what does not fit is found out by filling it
	mem, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return -1, fmt.Errorf("%d bytes of shared memory: %w", size, err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	addr := linux.Address(mem)
	path := "/proc/self/map_files/" + strconv.FormatUint(addr, 16) + "-" + strconv.FormatUint(addr+size, 16)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

// Seal adds the seals, once tasks have their mappings: F_SEAL_FUTURE_WRITE leaves those be.
func (o *Objects) Seal() error {
	for id, fd := range o.made {
		e := o.inodes[id]
		if e.Name == anonShared || e.Seals == unix.F_SEAL_SEAL {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, int(e.Seals)); err != nil {
			return fmt.Errorf("memory file %q: seals %#x: %w", e.Name, e.Seals, err)
		}
	}
	return nil
}

// fill writes what the image has of an object.
func (o *Objects) fill(fd int, shmid, size uint64) error {
	if size == 0 {
		return nil
	}
	page := uint64(unix.Getpagesize())
	pm, err := image.ReadPagemap(o.dir, image.ShmemPagemap, int(shmid), page, (size+page-1)&^(page-1))
	if err != nil {
		return err
	}
	if pm.StoredIn(0, size) == 0 {
		return nil
	}
	src, err := o.dir.OpenPages(pm.PagesID, false)
	if err != nil {
		return err
	}
	defer src.Close()
	for _, r := range pm.Runs {
		if r.Flags&image.PagePresent == 0 {
			return fmt.Errorf("%s: pages at %#x: not in this image", image.ShmemPagemap.FileName(int(shmid)), r.Addr)
		}
		// the last page may reach beyond the end of the file
		end := min(r.End, size)
		if err := o.copier.copy(fd, int64(r.Addr), int(src.Fd()), r.Off, end-r.Addr); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of the files; those of tasks live on.
func (o *Objects) Close() {
	for _, fd := range o.made {
		unix.Close(fd)
	}
	for _, fd := range o.anon {
		unix.Close(fd)
	}
}
