package image

import "fmt"

// Detail returns the part of the entry that its type stands for, and its id; nil if it is not there.
func (e *FileEntry) Detail() (Message, uint32) {
	switch e.Type {
	case FdTypes_REG:
		return detail(e.Reg, func(d *RegFileEntry) uint32 { return d.Id })
	case FdTypes_PIPE:
		return detail(e.Pipe, func(d *PipeEntry) uint32 { return d.Id })
	case FdTypes_FIFO:
		return detail(e.Fifo, func(d *FifoEntry) uint32 { return d.Id })
	case FdTypes_INETSK:
		return detail(e.Isk, func(d *InetSkEntry) uint32 { return d.Id })
	case FdTypes_UNIXSK:
		return detail(e.Usk, func(d *UnixSkEntry) uint32 { return d.Id })
	case FdTypes_EVENTFD:
		return detail(e.Efd, func(d *EventfdFileEntry) uint32 { return d.Id })
	case FdTypes_EVENTPOLL:
		return detail(e.Epfd, func(d *EventpollFileEntry) uint32 { return d.Id })
	case FdTypes_INOTIFY:
		return detail(e.Ify, func(d *InotifyFileEntry) uint32 { return d.Id })
	case FdTypes_SIGNALFD:
		return detail(e.Sgfd, func(d *SignalfdEntry) uint32 { return d.Id })
	case FdTypes_PACKETSK:
		return detail(e.Psk, func(d *PacketSockEntry) uint32 { return d.Id })
	case FdTypes_TTY:
		return detail(e.Tty, func(d *TtyFileEntry) uint32 { return d.Id })
	case FdTypes_FANOTIFY:
		return detail(e.Ffy, func(d *FanotifyFileEntry) uint32 { return d.Id })
	case FdTypes_NETLINKSK:
		return detail(e.Nlsk, func(d *NetlinkSkEntry) uint32 { return d.Id })
	case FdTypes_NS:
		return detail(e.Nsf, func(d *NsFileEntry) uint32 { return d.Id })
	case FdTypes_TUNF:
		return detail(e.Tunf, func(d *TunfileEntry) uint32 { return d.Id })
	case FdTypes_EXT:
		return detail(e.Ext, func(d *ExtFileEntry) uint32 { return d.Id })
	case FdTypes_TIMERFD:
		return detail(e.Tfd, func(d *TimerfdEntry) uint32 { return d.Id })
	case FdTypes_MEMFD:
		return detail(e.Memfd, func(d *MemfdFileEntry) uint32 { return d.Id })
	case FdTypes_BPFMAP:
		return detail(e.Bpf, func(d *BpfmapFileEntry) uint32 { return d.Id })
	case FdTypes_PIDFD:
		return detail(e.Pidfd, func(d *PidfdEntry) uint32 { return d.Id })
	}
	return nil, 0
}

func detail[T any, M messageOf[T]](d *T, id func(*T) uint32) (Message, uint32) {
	if d == nil {
		return nil, 0
	}
	return M(d), id(d)
}

// files reads the open files, and what describes them further.
func (l *loader) files() error {
	entries, err := ReadAll[FileEntry](l.d, Files, 0)
	if err != nil {
		return err
	}
	l.Files = make(map[uint32]*FileEntry, len(entries))
	for i, e := range entries {
		d, id := e.Detail()
		switch {
		case d == nil:
			return fault(Files, 0, "entry %d: type: %v: no description of it", i, e.Type)
		case id != e.Id:
			return fault(Files, 0, "entry %d: id: %d: its description says %d", i, e.Id, id)
		case l.Files[id] != nil:
			return fault(Files, 0, "entry %d: id: %d: there already", i, id)
		}
		l.Files[id] = e
		l.has[e.Type] = true
	}
	for _, read := range []func() error{l.memfds, l.ttys, l.remaps} {
		if err := read(); err != nil {
			return err
		}
	}
	for i, e := range entries {
		if err := l.checkFile(e); err != nil {
			return fault(Files, 0, "entry %d: %w", i, err)
		}
	}
	return nil
}

// checkFile checks what a file refers to.
func (l *loader) checkFile(e *FileEntry) error {
	switch e.Type {
	case FdTypes_MEMFD:
		if id := e.Memfd.InodeId; l.Memfds[uint64(id)] == nil {
			return fmt.Errorf("memfd.inode_id: %d: not in %s", id, MemfdInode)
		}
	case FdTypes_TTY:
		if id := e.Tty.TtyInfoId; l.TtyInfos[id] == nil {
			return fmt.Errorf("tty.tty_info_id: %d: not in %s", id, TtyInfo)
		}
		return l.checkRegf("tty", e.Tty.RegfId)
	case FdTypes_FIFO:
		return l.checkRegf("fifo", e.Fifo.RegfId)
	}
	return nil
}

func (l *loader) checkRegf(field string, id *uint32) error {
	if id == nil {
		return nil
	}
	if f := l.Files[*id]; f == nil || f.Type != FdTypes_REG {
		return fmt.Errorf("%s.regf_id: %d: no regular file", field, *id)
	}
	return nil
}

// The files that tell more of some type of file are not looked for where there is none of the type: each look costs.

func (l *loader) memfds() error {
	if !l.has[FdTypes_MEMFD] {
		return nil
	}
	entries, err := ReadAll[MemfdInodeEntry](l.d, MemfdInode, 0)
	l.Memfds = make(map[uint64]*MemfdInodeEntry, len(entries))
	for i, e := range entries {
		if l.Memfds[e.InodeId] != nil {
			return fault(MemfdInode, 0, "entry %d: inode_id: %d: there already", i, e.InodeId)
		}
		l.Memfds[e.InodeId] = e
	}
	return optional(err)
}

func (l *loader) ttys() error {
	if !l.has[FdTypes_TTY] {
		return nil
	}
	infos, err := ReadAll[TtyInfoEntry](l.d, TtyInfo, 0)
	if optional(err) != nil {
		return err
	}
	l.TtyInfos = make(map[uint32]*TtyInfoEntry, len(infos))
	for i, e := range infos {
		if l.TtyInfos[e.Id] != nil {
			return fault(TtyInfo, 0, "entry %d: id: %d: there already", i, e.Id)
		}
		l.TtyInfos[e.Id] = e
	}
	if l.TtyData, err = ReadAll[TtyDataEntry](l.d, TtyData, 0); optional(err) != nil {
		return err
	}
	for i, e := range l.TtyData {
		if l.TtyInfos[e.TtyId] == nil {
			return fault(TtyData, 0, "entry %d: tty_id: %d: not in %s", i, e.TtyId, TtyInfo)
		}
	}
	return nil
}

func (l *loader) remaps() (err error) {
	if l.Remaps, err = ReadAll[RemapFilePathEntry](l.d, RemapFpath, 0); optional(err) != nil {
		return err
	}
	for i, e := range l.Remaps {
		if l.Files[e.OrigId] == nil {
			return fault(RemapFpath, 0, "entry %d: orig_id: %d: not in %s", i, e.OrigId, Files)
		}
	}
	return nil
}

// maxFd is the most that fs.nr_open can be (fs/file.c: sysctl_nr_open_max).
const maxFd = 1<<31 - 64

// fdinfo reads the tables of descriptors, one for all tasks that share it. CRIU writes none for a task that has no descriptor.
func (l *loader) fdinfo() error {
	tables := map[uint32][]*FdinfoEntry{}
	for _, t := range l.Tasks {
		if t.Dead() {
			continue
		}
		id := t.Ids.FilesId
		fds, known := tables[id]
		if !known {
			var err error
			if fds, err = ReadAll[FdinfoEntry](l.d, Fdinfo, int(id)); optional(err) != nil {
				return err
			}
			if l.fds[id], err = l.checkFds(fds); err != nil {
				return fmt.Errorf("%s: %w", Fdinfo.FileName(int(id)), err)
			}
			tables[id] = fds
		}
		t.Fds = fds
	}
	return nil
}

// checkFds returns the set of descriptors.
func (l *loader) checkFds(fds []*FdinfoEntry) (map[uint32]bool, error) {
	seen := make(map[uint32]bool, len(fds))
	for i, e := range fds {
		f := l.Files[e.Id]
		switch {
		case e.Fd > maxFd:
			return nil, fmt.Errorf("entry %d: fd: %d: out of range", i, e.Fd)
		case seen[e.Fd]:
			return nil, fmt.Errorf("entry %d: fd: %d: there already", i, e.Fd)
		case f == nil:
			return nil, fmt.Errorf("entry %d: id: %d: not in %s", i, e.Id, Files)
		case f.Type != e.Type:
			return nil, fmt.Errorf("entry %d: type: %v: %s has %v for id %d", i, e.Type, Files, f.Type, e.Id)
		}
		seen[e.Fd] = true
	}
	return seen, nil
}

// locks reads the file locks, which name a task and its descriptor.
func (l *loader) locks() (err error) {
	if l.Locks, err = ReadAll[FileLockEntry](l.d, FileLocks, 0); optional(err) != nil {
		return err
	}
	for i, e := range l.Locks {
		t := l.ByPid(int(e.Pid))
		if t == nil {
			return fault(FileLocks, 0, "entry %d: pid: %d: no such task", i, e.Pid)
		}
		if t.Dead() || !l.fds[t.Ids.FilesId][uint32(e.Fd)] {
			return fault(FileLocks, 0, "entry %d: fd: %d: task %d has no such descriptor", i, e.Fd, e.Pid)
		}
	}
	return nil
}

// maxFilter is BPF_MAXINSNS (include/uapi/linux/bpf_common.h); an instruction is 8 bytes.
const maxFilter = 4096

func (l *loader) seccomp() error {
	var filtered []*Thread
	for _, t := range l.Tasks {
		for _, th := range t.Threads {
			if th.filtered() {
				filtered = append(filtered, th)
			}
		}
	}
	if len(filtered) == 0 {
		return nil
	}
	e, err := ReadOne[SeccompEntry](l.d, Seccomp, 0)
	if err != nil {
		return err
	}
	l.Seccomp = e.SeccompFilters
	for i, f := range l.Seccomp {
		if n := len(f.Filter); n == 0 || n%8 != 0 || n > 8*maxFilter {
			return fault(Seccomp, 0, "seccomp_filters[%d].filter: %d bytes: no program", i, n)
		}
		if f.Prev != nil && int64(*f.Prev) >= int64(i) {
			return fault(Seccomp, 0, "seccomp_filters[%d].prev: %d: not one before it", i, *f.Prev)
		}
	}
	for _, th := range filtered {
		if n := th.Core.ThreadCore.SeccompFilter; n == nil || int64(*n) >= int64(len(l.Seccomp)) {
			return fault(Core, th.Tid, "thread_core.seccomp_filter: not one of the %d in %s", len(l.Seccomp), Seccomp)
		}
	}
	return nil
}

// filtered says whether the thread has a seccomp filter.
func (th *Thread) filtered() bool {
	tc := th.Core.ThreadCore
	return tc != nil && tc.SeccompMode != nil && *tc.SeccompMode == SeccompMode_filter
}
