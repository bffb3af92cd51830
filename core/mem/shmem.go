package mem

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// anonShared is how the kernel names shared anonymous memory (mm/shmem.c, shmem_zero_setup), and memfdPrefix begins the names of
// what memfd_create(2) makes. Both are files of one internal mount of tmpfs; the image makes no difference but the name.
const (
	anonShared  = "/dev/zero"
	memfdPrefix = "/memfd:"
)

// Shmem collects the files in memory that the tasks of a dump map or hold open: shared anonymous memory and memfds.
type Shmem struct {
	Inodes  []*image.MemfdInodeEntry
	objects []*shmemObject
	seen    map[inode]uint32
}

type inode struct{ dev, ino uint64 }

type shmemObject struct {
	fd    int
	entry *image.MemfdInodeEntry
}

// Is says whether a link of /proc/PID names a file in memory, by its looks: Inode makes sure.
func (s *Shmem) Is(link string) bool { return isShmem(link) }

func isShmem(link string) bool {
	return strings.HasPrefix(link, memfdPrefix) && strings.HasSuffix(link, procfs.DeletedSuffix) || link == anonShared+procfs.DeletedSuffix
}

// Inode returns the id in the image of the file at a link of t, a magic one (fd/N, map_files/A-B) that leads to target.
func (s *Shmem) Inode(t *task.Task, link, target string) (uint32, error) {
	fd, err := t.Proc.OpenFile(link, unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	id, kept, err := s.inode(fd, strings.TrimSuffix(target, procfs.DeletedSuffix))
	if !kept {
		unix.Close(fd)
	}
	return id, err
}

func (s *Shmem) inode(fd int, name string) (id uint32, kept bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, false, fmt.Errorf("%s: %w", name, err)
	}
	key := inode{uint64(st.Dev), st.Ino}
	if id, ok := s.seen[key]; ok {
		return id, false, nil
	}
	var fsys unix.Statfs_t
	if err := unix.Fstatfs(fd, &fsys); err != nil {
		return 0, false, fmt.Errorf("%s: %w", name, err)
	}
	if uint32(fsys.Type) == unix.HUGETLBFS_MAGIC {
		return 0, false, fmt.Errorf("%s: hugetlb memory cannot be dumped", name)
	}
	if uint32(fsys.Type) != unix.TMPFS_MAGIC {
		return 0, false, fmt.Errorf("%s: a deleted file, not one in memory", name)
	}
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return 0, false, fmt.Errorf("%s: seals: %w", name, err)
	}
	if s.seen == nil {
		s.seen = map[inode]uint32{}
	}
	id = uint32(len(s.Inodes) + 1)
	mode := st.Mode
	e := &image.MemfdInodeEntry{
		Name: strings.TrimPrefix(name, memfdPrefix), Uid: st.Uid, Gid: st.Gid, Size: uint64(st.Size), Shmid: uint32(st.Ino),
		Seals: uint32(seals), InodeId: uint64(id), Mode: &mode,
	}
	for _, other := range s.Inodes {
		if other.Shmid == e.Shmid { // inode numbers have 64 bits, this field has 32
			return 0, false, fmt.Errorf("%s: inode %d: the image holds another one of that number", name, st.Ino)
		}
	}
	s.Inodes = append(s.Inodes, e)
	s.objects = append(s.objects, &shmemObject{fd, e})
	s.seen[key] = id
	return id, true, nil
}

// Close lets go of the files.
func (s *Shmem) Close() {
	for _, o := range s.objects {
		unix.Close(o.fd)
	}
	s.objects = nil
}

// Dump stores the contents of all and their list. Pages files are numbered from firstID on.
func (s *Shmem) Dump(dir *image.Dir, firstID int) (Stats, error) {
	var total Stats
	for _, o := range s.objects {
		st, err := o.dump(dir, firstID)
		if err != nil {
			return total, fmt.Errorf("%s: inode %d: %w", o.entry.Name, o.entry.Shmid, err)
		}
		if st.Written > 0 {
			firstID++
		}
		total.Scanned += st.Scanned
		total.Written += st.Written
	}
	if len(s.Inodes) == 0 {
		return total, nil
	}
	return total, image.WriteAll(dir, image.MemfdInode, 0, s.Inodes)
}

// dump stores the pages that the file has: the rest of it are holes, which read as zeroes.
func (o *shmemObject) dump(dir *image.Dir, pagesID int) (Stats, error) {
	page := uint64(unix.Getpagesize())
	size := (o.entry.Size + page - 1) &^ (page - 1)
	st := Stats{Scanned: size / page}
	runs, err := dataRuns(o.fd, size, page)
	if err != nil {
		return st, err
	}
	entries := []image.Message{&image.PagemapHead{PagesId: uint32(pagesID)}}
	for _, r := range runs {
		n := (r.End - r.Start) / page
		st.Written += n
		entries = append(entries, pagemapEntry(r.Start, n))
	}
	if err := dir.Write(image.ShmemPagemap, int(o.entry.Shmid), entries...); err != nil || len(runs) == 0 {
		return st, err
	}
	f, err := dir.CreateRaw(image.Pages, pagesID)
	if err != nil {
		return st, err
	}
	var c copier
	var off int64
	for _, r := range runs {
		// the last page may reach beyond the end of the file
		if err := c.copy(int(f.Fd()), off, o.fd, int64(r.Start), min(r.End, o.entry.Size)-r.Start); err != nil {
			f.Close()
			return st, err
		}
		off += int64(r.End - r.Start)
	}
	if err := unix.Ftruncate(int(f.Fd()), off); err != nil {
		f.Close()
		return st, err
	}
	return st, f.Close()
}

// dataRuns lists the runs of whole pages with content of the file fd.
func dataRuns(fd int, size, page uint64) ([]Run, error) {
	var runs []Run
	for at := uint64(0); at < size; {
		start, err := unix.Seek(fd, int64(at), unix.SEEK_DATA)
		if err == unix.ENXIO {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("find data from %#x on: %w", at, err)
		}
		end, err := unix.Seek(fd, start, unix.SEEK_HOLE)
		if err != nil {
			return nil, fmt.Errorf("find the end of data at %#x: %w", start, err)
		}
		if uint64(start) >= size {
			break // it has grown: others hold it, too
		}
		r := Run{uint64(start) &^ (page - 1), min((uint64(end)+page-1)&^(page-1), size)}
		runs = append(runs, r)
		at = r.End
	}
	return runs, nil
}
