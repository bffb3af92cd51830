// Package file dumps and restores open files, one file of source for each kind. It imports no ptrace: what depends on the
// task is done by its stub program.
package file

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// Table collects the open file descriptions of the tree that is dumped.
type Table struct {
	Entries []*image.FileEntry
	Memory  MemoryFiles
	seen    map[key][]sighting
	paths   map[pathKey]uint32
}

// key is what two descriptors of one description have in common.
type key struct {
	link  string
	pos   uint64
	flags uint32
}

// sighting is a descriptor by which a description was met first.
type sighting struct {
	pid, fd int
	id      uint32
}

type pathKey struct {
	path  string
	flags uint32
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{seen: map[key][]sighting{}, paths: map[pathKey]uint32{}}
}

func (tb *Table) nextID() uint32 { return uint32(len(tb.Entries) + 1) }

// Descriptors dumps the descriptor table of t.
func (tb *Table) Descriptors(t *task.Task) ([]*image.FdinfoEntry, error) {
	fds, err := t.Proc.Fds()
	if err != nil {
		return nil, err
	}
	all := make([]*image.FdinfoEntry, 0, len(fds))
	for _, fd := range fds {
		e, err := tb.descriptor(t, fd)
		if err != nil {
			return nil, fmt.Errorf("task %d: fd %d: %w", t.Pid, fd, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (tb *Table) descriptor(t *task.Task, fd int) (*image.FdinfoEntry, error) {
	link, err := t.Proc.FdLink(fd)
	if err != nil {
		return nil, err
	}
	info, err := t.Proc.Fdinfo(fd)
	if err != nil {
		return nil, err
	}
	e := &image.FdinfoEntry{Fd: uint32(fd)}
	if info.Flags&unix.O_CLOEXEC != 0 {
		e.Flags = unix.FD_CLOEXEC
	}
	d := &Descriptor{Task: t, Fd: fd, Link: link, Info: info}
	k := key{link, uint64(info.Pos), info.Flags &^ unix.O_CLOEXEC}
	for _, s := range tb.seen[k] {
		if same(s, t.Pid, fd) {
			e.Id, e.Type = s.id, tb.Entries[s.id-1].Type
			return e, nil
		}
	}
	entry, err := tb.entry(tb.nextID(), d)
	if err != nil {
		return nil, err
	}
	e.Id, e.Type = entry.Id, entry.Type
	tb.Entries = append(tb.Entries, entry)
	tb.seen[k] = append(tb.seen[k], sighting{t.Pid, fd, entry.Id})
	return e, nil
}

// same says whether two descriptors are one description.
func same(s sighting, pid, fd int) bool {
	r, err := linux.KcmpFile(s.pid, pid, s.fd, fd)
	return err == nil && r == 0
}

// Descriptor is one open descriptor that is dumped.
type Descriptor struct {
	Task *task.Task
	Fd   int
	Link string
	Info procfs.Fdinfo
}

func (tb *Table) entry(id uint32, d *Descriptor) (*image.FileEntry, error) {
	switch {
	case tb.Memory.Is(d.Link):
		return tb.memory(id, d)
	case strings.HasPrefix(d.Link, "/"):
		return d.regular(id)
	}
	return nil, fmt.Errorf("%s: not built yet", d.Link)
}

// Path returns the id of a description of the file at a link of /proc/PID that is no descriptor: exe, cwd, root.
func (tb *Table) Path(t *task.Task, name string, flags uint32) (uint32, error) {
	path, err := t.Proc.Link(name)
	if err != nil {
		return 0, err
	}
	return tb.path(path, flags)
}

func (tb *Table) path(path string, flags uint32) (uint32, error) {
	k := pathKey{path, flags}
	if id, ok := tb.paths[k]; ok {
		return id, nil
	}
	e, err := regularPath(tb.nextID(), path, flags)
	if err != nil {
		return 0, err
	}
	tb.Entries = append(tb.Entries, e)
	tb.paths[k] = e.Id
	return e.Id, nil
}

// Mapped is mem.FileIDs.
func (tb *Table) Mapped(t *task.Task, m *procfs.Smap, flags uint32) (uint32, error) {
	if m.Deleted && tb.Memory.Is(m.Raw) {
		return tb.mappedMemory(t, m, flags)
	}
	if m.Deleted {
		return 0, fmt.Errorf("maps %s, which is deleted", m.Path)
	}
	return tb.path(m.Path, flags)
}
