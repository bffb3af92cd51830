package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
	"woodfrog/internal/linux"
)

var epollKind = kind{typ: image.FdTypes_EVENTPOLL, dump: (*Table).epoll}

func (tb *Table) epoll(d *description) (*image.FileEntry, error) {
	e := &image.EventpollFileEntry{Id: d.id, Flags: d.flags(), Fown: d.fown}
	tb.epolls = append(tb.epolls, epollSet{d, e})
	return &image.FileEntry{Type: image.FdTypes_EVENTPOLL, Id: d.id, Epfd: e}, nil
}

// epollSet is an epoll instance. What it watches is looked up when all tables are known.
type epollSet struct {
	*description
	entry *image.EventpollFileEntry
}

// targets fills in what epoll instances watch. A set knows a file by the number it was added as. By now the number may be closed or
// be another file's; then the file is looked for under other numbers. The numbers in the image are those of the task with the lowest
// PID that has the instance: who restores it takes them so.
func (tb *Table) targets() error {
	for _, s := range tb.epolls {
		seen := map[int]uint32{}
		for _, t := range s.Info.Epoll {
			slot := linux.EpollSlot{Tfd: uint32(t.Fd), Toff: seen[t.Fd]}
			seen[t.Fd]++
			fd, err := tb.target(s.description, t, slot)
			if err != nil {
				return fmt.Errorf("task %d: fd %d: %s: %w", s.Task.Pid, s.Fd, s.Link, err)
			}
			dev, ino, pos := t.Sdev, t.Ino, uint64(t.Pos)
			s.entry.Tfd = append(s.entry.Tfd, &image.EventpollTfdEntry{
				Id: s.id, Tfd: uint32(fd), Events: t.Events, Data: t.Data, Dev: &dev, Inode: &ino, Pos: &pos,
			})
		}
	}
	return nil
}

// target returns the number under which the task that is to restore d has the file that d watches as slot.
func (tb *Table) target(d *description, t procfs.EpollTarget, slot linux.EpollSlot) (int, error) {
	pid, table := d.first.Task.Pid, d.firstTable
	slot.Efd = uint32(d.first.Fd)
	is := func(fd int) (bool, error) {
		order, err := linux.KcmpEpoll(pid, pid, fd, slot)
		if err != nil {
			return false, fmt.Errorf("target %d: kcmp: %w", t.Fd, err)
		}
		return order == kcmpEqual, nil
	}
	for _, f := range table.fds {
		if int(f.Fd) == t.Fd {
			if ok, err := is(t.Fd); ok || err != nil {
				return t.Fd, err
			}
		}
	}
	for _, f := range table.fds {
		if other := tb.descriptionOf[f.Id]; other.Info.Ino.Present && other.Info.Ino.Value != t.Ino {
			continue
		}
		if ok, err := is(int(f.Fd)); ok || err != nil {
			return int(f.Fd), err
		}
	}
	return -1, fmt.Errorf("it watches a file that was added as fd %d and that task %d has not open any more: "+
		"let it be removed from the set before the dump", t.Fd, pid)
}

func (o *Opener) epoll(f *image.FileEntry) (int, error) {
	fd, err := unix.EpollCreate1(0)
	if err != nil {
		return -1, fmt.Errorf("epoll: %w", err)
	}
	err = o.setAsync(fd, f.Epfd.Flags, f.Epfd.Fown)
	if err == nil && f.Epfd.Flags&unix.O_NONBLOCK != 0 {
		err = setFlags(fd, f.Epfd.Flags)
	}
	return orClose(fd, err)
}

// watch appends the filling of an epoll instance to the program of a task that has all its files in place. The task has to do it: a set
// knows files by the numbers of who adds them, and watches the signals of who adds a signalfd. Descriptors from free on are not in use.
func watch(p *stub.Program, fd uint32, e *image.EventpollFileEntry, free int) {
	seen := map[uint32]bool{}
	for _, t := range e.Tfd {
		tfd := int(t.Tfd)
		if seen[t.Tfd] {
			// the same file, added once more under a number that is closed by now: any will do
			p.Call(arch.SysDup3, t.Tfd, free, unix.O_CLOEXEC)
			tfd = free
			free++
		}
		seen[t.Tfd] = true
		event := p.ABI().Struct().U32(t.Events)
		if p.ABI().EpollPacked {
			event.U32(uint32(t.Data), uint32(t.Data>>32))
		} else {
			event.U64(t.Data)
		}
		p.Call(arch.SysEpollCtl, fd, unix.EPOLL_CTL_ADD, tfd, p.Area.Bytes(event.Bytes()))
		if tfd != int(t.Tfd) {
			p.Call(arch.SysClose, tfd)
		}
	}
}
