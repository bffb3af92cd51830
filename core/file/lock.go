package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
	"woodfrog/core/task"
)

// Kinds of FileLockEntry.Flag, and the bit that FileLockEntry.Type has for a lease that is being broken; its other bits are then what the
// lease is to become (criu/include/file-lock.h, F_RDLCK and its like).
const (
	lockPosix = 1
	lockFlock = 2
	lockOFD   = 4
	lockLease = 8

	leaseBreaking = 4
)

var lockFlags = map[procfs.LockKind]uint32{
	procfs.LockPosix: lockPosix, procfs.LockFlock: lockFlock, procfs.LockOFD: lockOFD, procfs.LockLease: lockLease,
}

var lockTypes = map[procfs.LockType]uint32{
	procfs.LockRead: unix.F_RDLCK, procfs.LockWrite: unix.F_WRLCK, procfs.LockUnlck: unix.F_UNLCK,
}

// heldLock is a lock with the descriptor by which it was met. POSIX locks belong to a table of descriptors, all others to a description
// (fs/locks.c, flc_owner); fdinfo shows a lock with each descriptor of the description through which it was taken.
type heldLock struct {
	procfs.Lock
	desc  *description
	table *fdTable
	fd    int
}

type lockKey struct {
	desc, table uint32
	kind        procfs.LockKind
	start, end  int64
}

// holds notes the locks that a table of descriptors has through descriptor fd.
func (tb *Table) holds(table *fdTable, d *description, fd int, locks []procfs.Lock) error {
	for _, l := range locks {
		if lockFlags[l.Kind] == 0 {
			return fmt.Errorf("%s: has a lock of kind %s: not served yet", d.Link, l.Kind)
		}
		if !tb.FileLocks {
			return fmt.Errorf("%s: has a lock (%s %s): --file-locks carries locks, if nobody outside of the tree has any on the file",
				d.Link, l.Kind, l.Type)
		}
		k := lockKey{desc: d.id, kind: l.Kind, start: l.Start, end: l.End}
		if l.Kind == procfs.LockPosix {
			k.table = table.id
		}
		h := tb.lockOf[k]
		switch {
		case h == nil:
			h = &heldLock{l, d, table, fd}
			tb.lockOf[k] = h
			tb.locks = append(tb.locks, h)
		case h.table.task.Pid != l.PID && table.task.Pid == l.PID:
			h.table, h.fd = table, fd // who took it is to take it again
		}
	}
	return nil
}

// writeLocks writes filelocks.img.
func (tb *Table) writeLocks(dir *image.Dir, tree *task.Tree) error {
	if len(tb.locks) == 0 {
		return nil
	}
	var entries []*image.FileLockEntry
	for _, h := range tb.locks {
		e := &image.FileLockEntry{Flag: lockFlags[h.Kind], Type: lockTypes[h.Type], Pid: int32(h.table.task.Pid), Fd: int32(h.fd), Start: h.Start}
		if t := tree.Find(h.PID); t != nil && tb.of[t] == h.table {
			e.Pid = int32(h.PID)
		}
		if h.End != procfs.LockEOF {
			e.Len = h.End + 1 - h.Start
		}
		if h.Kind == procfs.LockLease && h.State == "BREAKING" {
			become, err := tb.leaseTarget(h.desc)
			if err != nil {
				return fmt.Errorf("task %d: fd %d: %s: %w", e.Pid, e.Fd, h.desc.Link, err)
			}
			e.Type = leaseBreaking | become
		}
		entries = append(entries, e)
	}
	return image.WriteAll(dir, image.FileLocks, 0, entries)
}

// leaseTarget is what a lease that is being broken is to become; fdinfo says READ of some that are to end.
func (tb *Table) leaseTarget(d *description) (uint32, error) {
	fd, err := tb.steal(d.Descriptor)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	typ, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
	if err != nil {
		return 0, fmt.Errorf("lease (F_GETLEASE): %w", err)
	}
	return uint32(typ), nil
}

// takeLocks appends the taking of those of the locks that the descriptors of h hold.
func (pl *Placer) takeLocks(p *stub.Program, h *holder, which func(*image.FileLockEntry) bool) error {
	for _, l := range pl.locks {
		if pl.holders[int(l.Pid)].files == h.files && which(l) {
			if err := pl.lock(p, h, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// lock appends the taking of a lock to the program of the task that had it. It does not wait: who has it now would keep it.
func (pl *Placer) lock(p *stub.Program, h *holder, e *image.FileLockEntry) error {
	f := h.find(e.Fd)
	if f == nil {
		return fmt.Errorf("filelocks.img: pid %d: fd: %d: no such descriptor", e.Pid, e.Fd)
	}
	path := ""
	reg := pl.files[f.Id].Reg
	if reg != nil {
		path = reg.Name
	}
	switch e.Flag {
	case lockPosix:
		p.Call(arch.SysFcntl, e.Fd, setlk(p.ABI()), p.Area.Bytes(flock(p.ABI(), e))).Note("lock of %s", path)
	case lockOFD:
		p.Call(arch.SysFcntl, e.Fd, unix.F_OFD_SETLK, p.Area.Bytes(flock(p.ABI(), e))).Note("lock of %s", path)
	case lockFlock:
		how := unix.LOCK_SH
		if e.Type == unix.F_WRLCK {
			how = unix.LOCK_EX
		}
		p.Call(arch.SysFlock, e.Fd, how|unix.LOCK_NB).Note("lock of %s", path)
	case lockLease:
		if reg == nil {
			return fmt.Errorf("filelocks.img: pid %d: fd: %d: a lease of no regular file", e.Pid, e.Fd)
		}
		lease(p, e, reg)
	default:
		return fmt.Errorf("filelocks.img: pid %d: flag: %d: no kind of lock", e.Pid, e.Flag)
	}
	return nil
}

// setlk is F_SETLK, or F_SETLK64 where there is one (include/uapi/asm-generic/fcntl.h).
func setlk(abi *arch.ABI) int {
	const setlk, setlk64 = 6, 13
	if abi.WordSize() == 4 {
		return setlk64
	}
	return setlk
}

// flock is struct flock64, which 64-bit ABIs call flock (include/uapi/asm-generic/fcntl.h). The lock is from SEEK_SET on.
func flock(abi *arch.ABI, e *image.FileLockEntry) []byte {
	return abi.Struct().U16(uint16(e.Type)).U16(unix.SEEK_SET).U64(uint64(e.Start), uint64(e.Len)).U32(0).Pad(32).Bytes()
}

// lease appends the taking of a lease. One that was being broken is broken again, and nobody told: the owner has had its signal.
func lease(p *stub.Program, e *image.FileLockEntry, reg *image.RegFileEntry) {
	if e.Type&leaseBreaking == 0 {
		p.Call(arch.SysFcntl, e.Fd, unix.F_SETLEASE, e.Type).Note("lease of %s", reg.Name)
		return
	}
	typ := unix.F_WRLCK
	if reg.Flags&unix.O_ACCMODE == unix.O_RDONLY {
		typ = unix.F_RDLCK
	}
	p.Call(arch.SysFcntl, e.Fd, unix.F_SETLEASE, typ).Note("lease of %s", reg.Name)
	p.Call(arch.SysFcntl, e.Fd, unix.F_SETOWN, 0) // taking a lease made this task the owner
	how := unix.O_WRONLY
	if e.Type&^leaseBreaking == unix.F_RDLCK {
		how = unix.O_RDONLY
	}
	cwd := unix.AT_FDCWD
	p.Call(arch.SysOpenat, cwd, p.Area.String(reg.Name), how|unix.O_NONBLOCK|unix.O_CLOEXEC).Expect(-int64(unix.EAGAIN)).Note("break the lease")
}
