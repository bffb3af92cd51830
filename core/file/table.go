// Package file dumps and restores open files, one file of source for each kind. It imports no ptrace: what depends on the
// task is done by its stub program.
package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/internal/parallel"
)

// Options say what a dump may carry; they are those of the same names of core.Options.
type Options struct {
	EvasiveDevices bool
	FileLocks      bool
	ShellJob       bool
}

// Table collects the open file descriptions of the tree that is dumped.
type Table struct {
	Options
	Entries []*image.FileEntry
	Memory  MemoryFiles

	descriptions  []*description
	descriptionOf map[uint32]*description // by id
	epolls        []epollSet
	own           *scratch
	ttys          []*image.TtyInfoEntry
	ttyOf         map[uint32]*image.TtyInfoEntry
	locks         []*heldLock
	lockOf        map[lockKey]*heldLock
	seen          map[key]*sorted[*description]
	tables        map[string]*sorted[*fdTable]
	of            map[*task.Task]*fdTable
	at            map[*task.Task]*place
	ids           uint32 // the last one given to a table
	placeIDs      uint32
	paths         map[pathKey]uint32
	inodes        map[string]*inode
	pidfds        map[int]int
	places        map[placeKey]*sorted[*place]
	channels      []*channel // in the order of the descriptors by which they were met
	channelOf     map[channelKey]*channel
	channelIDs    map[channelID]bool
}

// key is what two descriptors of one description have in common.
type key struct {
	link  string
	pos   int64
	flags uint32
	mount int
	ino   uint64
}

// description is an open file description with the descriptor by which it was met first.
type description struct {
	*Descriptor
	id   uint32
	kind *kind
	fown *image.FownEntry // part of the entry, filled in when the task has answered
	ask  ownerAnswers

	// first is the descriptor of the task with the lowest PID that has it open.
	first      *Descriptor
	firstTable *fdTable
}

type pathKey struct {
	path  string
	flags uint32
}

// NewTable returns an empty table.
func NewTable(o Options) *Table {
	return &Table{
		Options: o,
		seen:    map[key]*sorted[*description]{},
		tables:  map[string]*sorted[*fdTable]{},
		of:      map[*task.Task]*fdTable{},
		at:      map[*task.Task]*place{},
		paths:   map[pathKey]uint32{},
		inodes:  map[string]*inode{},
		pidfds:  map[int]int{},
		places:  map[placeKey]*sorted[*place]{},

		channelOf:  map[channelKey]*channel{},
		channelIDs: map[channelID]bool{},

		descriptionOf: map[uint32]*description{},
		lockOf:        map[lockKey]*heldLock{},
		ttyOf:         map[uint32]*image.TtyInfoEntry{},
	}
}

func (tb *Table) nextID() uint32 { return uint32(len(tb.Entries) + 1) }

// Descriptor is one open descriptor that is dumped.
type Descriptor struct {
	Task *task.Task
	Fd   int
	Link string
	Info procfs.Fdinfo
}

// flags are those of the description; the kernel adds the descriptor's own to what fdinfo shows.
func (d *Descriptor) flags() uint32 { return d.Info.Flags &^ unix.O_CLOEXEC }

// fewFiles are not worth a thread of the engine's own.
const fewFiles = 64

// descriptors reads what /proc tells of descriptors of t, of many on all processors.
func descriptors(t *task.Task, fds []int) ([]*Descriptor, error) {
	list := make([]*Descriptor, len(fds))
	err := parallel.Do(len(fds), fewFiles, func(i int) (err error) {
		d := &Descriptor{Task: t, Fd: fds[i]}
		if d.Link, err = t.Proc.FdLink(d.Fd); err == nil {
			d.Info, err = t.Proc.Fdinfo(d.Fd)
		}
		if err != nil {
			return fmt.Errorf("fd %d: %w", d.Fd, err)
		}
		list[i] = d
		return nil
	})
	return list, err
}

// descriptor dumps a descriptor of a table, and its description if that was not met before.
func (tb *Table) descriptor(table *fdTable, d *Descriptor) error {
	link, info, fd := d.Link, &d.Info, d.Fd
	k := key{link, info.Pos, d.flags(), info.MntID, info.Ino.Value}
	alike := tb.seen[k]
	if alike == nil {
		alike = &sorted[*description]{compare: compareFiles}
		tb.seen[k] = alike
	}
	desc := &description{Descriptor: d, fown: &image.FownEntry{}}
	found, err := alike.insert(desc)
	if err != nil {
		return err
	}
	if found == desc || table.task.Pid < found.first.Task.Pid {
		found.first, found.firstTable = d, table
	}
	if found == desc {
		if err = tb.describe(desc); err != nil {
			return fmt.Errorf("%s: %w", link, err)
		}
		tb.descriptions = append(tb.descriptions, desc)
		tb.descriptionOf[desc.id] = desc
	}
	e := &image.FdinfoEntry{Fd: uint32(fd), Id: found.id, Type: found.kind.typ}
	if info.Flags&unix.O_CLOEXEC != 0 {
		e.Flags = unix.FD_CLOEXEC
	}
	table.fds = append(table.fds, e)
	return tb.holds(table, found, fd, info.Locks)
}
