package file

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// Files of /proc/PID, where PID is a task of the image, are opened when that is there, by who holds them.

// Later returns the ids of the files that can only be opened when all tasks are there; is says whether a number is the PID or TID of one.
func Later(files map[uint32]*image.FileEntry, is func(tid int) bool) map[uint32]bool {
	later := map[uint32]bool{}
	for id, f := range files {
		if f.Type != image.FdTypes_REG {
			continue
		}
		if tid, ok := TaskOf(f.Reg.Name); ok && is(tid) {
			later[id] = true
		}
	}
	return later
}

// TaskOf is the PID or TID of a path that is, or is below, a task's directory in /proc.
func TaskOf(path string) (tid int, ok bool) {
	rest, ok := strings.CutPrefix(path, "/proc/")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, "/")
	tid, err := strconv.Atoi(number)
	return tid, err == nil
}

// checkLater refuses to open later what only the engine can give to all that hold it.
func (pl *Placer) checkLater() error {
	for _, h := range pl.holders {
		for _, f := range h.Fds {
			if pl.later[f.Id] && pl.first[f.Id] != h.files.owner {
				return fmt.Errorf("files.img: id %d: %s: shared by tasks %d and %d: not served yet",
					f.Id, pl.files[f.Id].Reg.Name, pl.first[f.Id].Pid, h.Pid)
			}
		}
		for _, id := range []uint32{h.Fs.CwdId, h.Fs.RootId} {
			if pl.later[id] {
				return fmt.Errorf("files.img: id %d: %s: the working directory of task %d: not served yet", id, pl.files[id].Reg.Name, h.Pid)
			}
		}
	}
	return nil
}

// openLater appends the opening of file id for the descriptors of h that lead to it.
func (pl *Placer) openLater(p *stub.Program, h *holder, id uint32) {
	r := pl.files[id].Reg
	cwd := unix.AT_FDCWD
	low := p.Call(arch.SysOpenat, cwd, p.Area.String(r.Name), r.Flags&^notOpened|unix.O_CLOEXEC)
	// out of the way: dup3 is EINVAL for a descriptor that is in its place
	fd := p.Call(arch.SysFcntl, low, unix.F_DUPFD_CLOEXEC, pl.base)
	p.Call(arch.SysClose, low)
	if r.Pos != 0 {
		p.Seek(fd, int64(r.Pos))
	}
	for _, f := range h.Fds {
		if f.Id == id {
			p.Call(arch.SysDup3, fd, f.Fd, cloexec(f))
		}
	}
	p.Call(arch.SysClose, fd)
}

func cloexec(f *image.FdinfoEntry) int {
	if f.Flags&unix.FD_CLOEXEC != 0 {
		return unix.O_CLOEXEC
	}
	return 0
}
