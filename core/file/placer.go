package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// Holder is a task of the image with what it holds.
type Holder struct {
	Pid     int
	Maker   int // the task that makes it, 0 for the first
	FilesID uint32
	FsID    uint32
	Fds     []*image.FdinfoEntry
	Fs      *image.FsEntry
}

// Placer puts descriptors into their places in tasks. What the engine has opened, all tasks inherit as descriptors from base on.
type Placer struct {
	base    int
	fd      func(id uint32) (int, error)
	files   map[uint32]*image.FileEntry
	holders map[int]*holder
	locks   []*image.FileLockEntry
	later   map[uint32]bool
	umask   procfs.Maybe[uint32]
	first   map[uint32]*holder // who does what has to be done once for a description
}

// holder is a Holder among the others.
type holder struct {
	Holder
	files *share // of its table
	fs    *share
}

// share is what several tasks have in common. One of them, made before the others, sets it up.
type share struct {
	owner   *holder
	members int
	ready   stub.Data // counts the members that need it no more as it came
}

// Plan is what a Placer is made of.
type Plan struct {
	Holders []Holder                     // in the order in which they are made
	Base    int                          // descriptors below it are those of the image
	Fd      func(id uint32) (int, error) // the one above, by the id of its file
	Files   map[uint32]*image.FileEntry
	Locks   []*image.FileLockEntry
	Later   map[uint32]bool      // files that the tasks open
	Umask   procfs.Maybe[uint32] // that of the engine, which the first task has
}

// NewPlacer plans for all tasks of an image.
func NewPlacer(area *stub.Area, plan Plan) (*Placer, error) {
	pl := &Placer{base: plan.Base, fd: plan.Fd, files: plan.Files, locks: plan.Locks, later: plan.Later, umask: plan.Umask,
		holders: map[int]*holder{}, first: map[uint32]*holder{}}
	tables, places := map[uint32]*share{}, map[uint32]*share{}
	for i := range plan.Holders {
		h := &holder{Holder: plan.Holders[i]}
		pl.holders[h.Pid] = h
		maker := pl.holders[h.Maker]
		var err error
		if h.files, err = join(tables, h.FilesID, h, maker, func(m *holder) uint32 { return m.FilesID }); err != nil {
			return nil, fmt.Errorf("task %d: descriptors (ids-%d.img: files_id): %w", h.Pid, h.Pid, err)
		}
		if h.fs, err = join(places, h.FsID, h, maker, func(m *holder) uint32 { return m.FsID }); err != nil {
			return nil, fmt.Errorf("task %d: working directory (ids-%d.img: fs_id): %w", h.Pid, h.Pid, err)
		}
	}
	pl.chooseFirst()
	for _, l := range plan.Locks {
		if pl.holders[int(l.Pid)] == nil {
			return nil, fmt.Errorf("filelocks.img: pid: %d: no task that is alive", l.Pid)
		}
	}
	if err := pl.checkLater(); err != nil {
		return nil, err
	}
	for _, s := range tables {
		if s.members > 1 {
			s.ready = area.Word()
		}
	}
	return pl, nil
}

// chooseFirst has the holder with the lowest PID act for a description. CRIU does, and numbers in images are meant so.
func (pl *Placer) chooseFirst() {
	for _, h := range pl.holders {
		for _, f := range h.Fds {
			if first := pl.first[f.Id]; first == nil || h.Pid < first.Pid {
				pl.first[f.Id] = h
			}
		}
	}
	for id, h := range pl.first {
		pl.first[id] = h.files.owner
	}
}

// join makes h a member of the share of that id. Only from its maker a task can have it: by clone(2).
func join(shares map[uint32]*share, id uint32, h, maker *holder, of func(*holder) uint32) (*share, error) {
	s := shares[id]
	switch {
	case s == nil:
		s = &share{owner: h}
		shares[id] = s
	case maker == nil || of(maker) != id:
		return nil, fmt.Errorf("shared with task %d, which does not make it: not served yet", s.owner.Pid)
	}
	s.members++
	return s, nil
}

// CloneFlags are those that the task pid is made with by maker.
func (pl *Placer) CloneFlags(maker, pid int) uint64 {
	m, h := pl.holders[maker], pl.holders[pid]
	var flags uint64
	if m != nil && h != nil && m.files == h.files {
		flags |= unix.CLONE_FILES
	}
	if m != nil && h != nil && m.fs == h.fs {
		flags |= unix.CLONE_FS
	}
	return flags
}

// Root appends what the first task does at once: it has descriptors of the engine that are none of the image's.
func (pl *Placer) Root(p *stub.Program) {
	if !pl.replaced() {
		p.Call(arch.SysCloseRange, 0, pl.base-1, 0)
	}
}

// replaced says that Early puts a descriptor of the image in the place of each of those, with no task made that has them.
func (pl *Placer) replaced() bool {
	if len(pl.holders) != 1 {
		return false
	}
	places := 0
	for _, h := range pl.holders {
		for _, f := range h.Fds {
			if !pl.later[f.Id] {
				places++
			}
		}
	}
	return places == pl.base
}

// Early appends the placing of what the task pid holds. It is over when all tasks that it makes are there.
func (pl *Placer) Early(p *stub.Program, pid int) error {
	h := pl.holders[pid]
	if h.files.owner != h {
		if err := pl.arrive(p, h); err != nil {
			return err
		}
		p.Signal(h.files.ready)
		return nil
	}
	if h.files.members > 1 {
		// the others make tasks, too, which must not inherit what is placed here
		p.Wait(h.files.ready, uint32(h.files.members-1))
	}
	for _, f := range h.Fds {
		if pl.later[f.Id] {
			continue
		}
		fd, err := pl.fd(f.Id)
		if err != nil {
			return err
		}
		p.Call(arch.SysDup3, fd, f.Fd, cloexec(f))
	}
	if err := pl.takeLocks(p, h, func(l *image.FileLockEntry) bool { return l.Flag != lockPosix }); err != nil {
		return err
	}
	if err := pl.arrive(p, h); err != nil {
		return err
	}
	p.Call(arch.SysCloseRange, pl.base, ^uint32(0), 0)
	// a POSIX lock goes when any descriptor of its file is closed
	if err := pl.takeLocks(p, h, func(l *image.FileLockEntry) bool { return l.Flag == lockPosix }); err != nil {
		return err
	}
	pl.once(h, func(f *image.FdinfoEntry, e *image.FileEntry) {
		if e.Type == image.FdTypes_EVENTPOLL {
			watch(p, f.Fd, e.Epfd, pl.base)
		}
	})
	return nil
}

// find returns the descriptor of that number, or nil.
func (h *holder) find(fd int32) *image.FdinfoEntry {
	for _, f := range h.Fds {
		if int64(f.Fd) == int64(fd) {
			return f
		}
	}
	return nil
}

// once calls do for each description that h has to act for.
func (pl *Placer) once(h *holder, do func(*image.FdinfoEntry, *image.FileEntry)) {
	done := map[uint32]bool{}
	for _, f := range h.Fds {
		if pl.first[f.Id] == h && !done[f.Id] {
			done[f.Id] = true
			do(f, pl.files[f.Id])
		}
	}
}

// arrive appends the way to a root and working directory. Paths are those of the engine until then.
func (pl *Placer) arrive(p *stub.Program, h *holder) error {
	if h.fs.owner != h {
		return nil
	}
	fs := h.Fs
	cwd, err := pl.fd(fs.CwdId)
	if err != nil {
		return err
	}
	if f := pl.files[fs.RootId]; f == nil || !IsOwnRoot(f) {
		root, err := pl.fd(fs.RootId)
		if err != nil {
			return err
		}
		p.Call(arch.SysFchdir, root)
		p.Call(arch.SysChroot, p.Area.String("."))
	}
	p.Call(arch.SysFchdir, cwd)
	if had := pl.umask; fs.Umask != nil && (h.Maker != 0 || !had.Present || *fs.Umask != had.Value) {
		p.Call(arch.SysUmask, *fs.Umask).Ignore() // returns the old one
	}
	return nil
}

// IsOwnRoot says that a file is the root of the engine.
func IsOwnRoot(f *image.FileEntry) bool { return f.Reg != nil && f.Reg.Name == "/" }

// Late appends what needs all tasks to exist: the owner of a file may be any of them.
func (pl *Placer) Late(p *stub.Program, pid int) {
	h := pl.holders[pid]
	pl.once(h, func(f *image.FdinfoEntry, e *image.FileEntry) {
		if pl.later[f.Id] {
			pl.openLater(p, h, f.Id)
		}
		if o := pl.fown(e); o != nil && o.Pid != 0 {
			setOwner(p, f.Fd, o)
		}
	})
}

func (pl *Placer) fown(e *image.FileEntry) *image.FownEntry {
	switch e.Type {
	case image.FdTypes_REG:
		return e.Reg.Fown
	case image.FdTypes_MEMFD:
		return e.Memfd.Fown
	case image.FdTypes_PIPE:
		return e.Pipe.Fown
	case image.FdTypes_EVENTFD:
		return e.Efd.Fown
	case image.FdTypes_EVENTPOLL:
		return e.Epfd.Fown
	case image.FdTypes_SIGNALFD:
		return e.Sgfd.Fown
	case image.FdTypes_TIMERFD:
		return e.Tfd.Fown
	case image.FdTypes_TTY:
		return e.Tty.Fown
	case image.FdTypes_FIFO:
		if e.Fifo.RegfId != nil {
			return pl.files[*e.Fifo.RegfId].Reg.Fown
		}
	}
	return nil
}
