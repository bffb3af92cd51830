package file

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// MemoryFiles are the files in memory, shared anonymous memory and memfds, that tasks map or hold open.
type MemoryFiles interface {
	// Is says whether a link of /proc/PID looks like one.
	Is(link string) bool
	// Inode returns the id in the image of the file at a link of t (fd/N, map_files/A-B) that leads to target.
	Inode(t *task.Task, link, target string) (uint32, error)
}

// memoryKind are open files in memory.
var memoryKind = kind{typ: image.FdTypes_MEMFD, dump: (*Table).memory}

func (tb *Table) memory(d *description) (*image.FileEntry, error) {
	ino, err := tb.Memory.Inode(d.Task, "fd/"+strconv.Itoa(d.Fd), d.Link)
	if err != nil {
		return nil, err
	}
	e := memoryEntry(d.id, ino, d.flags())
	e.Memfd.Pos = uint64(d.Info.Pos)
	e.Memfd.Fown = d.fown
	return e, nil
}

func memoryEntry(id, ino, flags uint32) *image.FileEntry {
	return &image.FileEntry{Type: image.FdTypes_MEMFD, Id: id, Memfd: &image.MemfdFileEntry{
		Id: id, Flags: flags, Fown: &image.FownEntry{}, InodeId: ino,
	}}
}

// mappedMemory is the description behind an area, which nobody sees but as an area: one for all areas of a file and mode.
func (tb *Table) mappedMemory(t *task.Task, m *procfs.Smap, flags uint32) (uint32, error) {
	k := pathKey{fmt.Sprintf("inode:%d:%d:%d", m.Major, m.Minor, m.Inode), flags}
	if id, ok := tb.paths[k]; ok {
		return id, nil
	}
	ino, err := tb.Memory.Inode(t, fmt.Sprintf("map_files/%x-%x", m.Start, m.End), m.Raw)
	if err != nil {
		return 0, err
	}
	e := memoryEntry(tb.nextID(), ino, flags)
	tb.Entries = append(tb.Entries, e)
	tb.paths[k] = e.Id
	return e.Id, nil
}

func (o *Opener) memory(e *image.FileEntry) (int, error) {
	fd, err := o.Memory(e.Memfd)
	if err != nil {
		return -1, err
	}
	if err := o.setAsync(fd, e.Memfd.Flags, e.Memfd.Fown); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
