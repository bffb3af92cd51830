package core

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/file"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/mem"
	"woodfrog/core/tree"
	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
)

// fdTable holds the descriptors that the tasks inherit from the engine: they are made here, above all numbers that the image
// uses, and each task puts copies of them in their places. They have no close-on-exec.
type fdTable struct {
	base  int
	files map[uint32]int // by id in the image
	all   []int
}

func (t *fdTable) close() { fds.Later(t.all...) }

// add copies fd into the table's range.
func (t *fdTable) add(fd int) (int, error) {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, t.base)
	if err == unix.EINVAL { // the limit is below all that it could be (fs/fcntl.c, f_dupfd)
		err = unix.EMFILE
	}
	if err != nil {
		return -1, fmt.Errorf("descriptor above %d: %w", t.base, err)
	}
	t.all = append(t.all, got)
	return got, nil
}

// take moves fd into the table's range, if it is not there by itself.
func (t *fdTable) take(fd int) (int, error) {
	if fd >= t.base {
		t.all = append(t.all, fd)
		return fd, nil
	}
	defer unix.Close(fd)
	return t.add(fd)
}

// File is the descriptor of the file of an id.
func (t *fdTable) File(id uint32) (int, error) {
	fd, ok := t.files[id]
	if !ok {
		return -1, fmt.Errorf("file %#x: not in files.img", id)
	}
	return fd, nil
}

// askChildren asks what only a child can tell, before there are descriptors that no child may have.
func (r *restore) askChildren() error {
	for _, t := range r.image.tasks {
		if t.abi == nil || !t.abi.Compat {
			continue
		}
		if has, err := r.facts.Ask(kerndat.CompatCR); err != nil || has != kerndat.Yes {
			return err // preflight tells
		}
		v, err := r.facts.VDSO(t.abi)
		if err == nil && v.Sigpage.End != 0 {
			_, err = r.facts.Ask(kerndat.SigpageMoves)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *restore) openFiles() error {
	if err := r.askChildren(); err != nil {
		return err
	}
	r.fds = &fdTable{base: 3, files: map[uint32]int{}}
	for _, t := range r.image.tasks {
		for _, f := range t.fds {
			r.fds.base = max(r.fds.base, int(f.Fd)+1)
		}
	}
	// each file may be opened for its areas, too
	if n := r.fds.base + 2*(len(r.image.files)+len(r.image.tasks)); n > fewDescriptors {
		r.raiseLimit(uint64(n + 1<<10))
	}
	r.apart()
	r.objects = mem.NewObjects(r.dir, r.image.set.Memfds)
	for _, t := range r.image.tasks {
		if t.mm != nil {
			r.objects.Need(t.mm.Vmas)
		}
	}
	r.opener = file.Opener{
		Files: r.image.files, Unneeded: r.ownRoots(), SkipFileRWXCheck: r.o.SkipFileRWXCheck, ShellJob: r.o.ShellJob, Memory: r.objects.Open, Refused: r.unopened,
		Later: r.laterFiles(),
	}
	return r.opener.Open(r.dir, func(id uint32, fd int) (err error) {
		r.fds.files[id], err = r.fds.take(fd)
		return err
	})
}

// fewDescriptors are had by everybody: the usual limit is 1024.
const fewDescriptors = 512

// raiseLimit lets the engine have n descriptors, or as many as it may. The root inherits the limit, and has its own set, as all others have.
func (r *restore) raiseLimit(n uint64) {
	var had unix.Rlimit
	if linux.Prlimit(unix.RLIMIT_NOFILE, nil, &had) != nil || had.Cur >= n {
		return
	}
	for _, most := range []uint64{max(n, had.Max), had.Max} { // beyond its hard limit only with CAP_SYS_RESOURCE
		if linux.Prlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}, nil) == nil {
			r.limit = &had
			return
		}
	}
}

// lowerLimit undoes raiseLimit, of both limits: programs that this process executes inherit them, too.
func (r *restore) lowerLimit() {
	if r.limit != nil {
		_ = linux.Prlimit(unix.RLIMIT_NOFILE, r.limit, nil)
		r.limit = nil
	}
}

// ownRoots are the files that are no more than the root of tasks, and "/", which is the engine's root and thus theirs.
func (r *restore) ownRoots() map[uint32]bool {
	roots, used := map[uint32]bool{}, map[uint32]bool{}
	for _, t := range r.image.tasks {
		for _, f := range t.fds {
			used[f.Id] = true
		}
		if t.fs != nil {
			used[t.fs.CwdId] = true
			if f := r.image.files[t.fs.RootId]; f != nil && file.IsOwnRoot(f) {
				roots[f.Id] = true
			}
		}
		if t.mm != nil {
			used[t.mm.ExeFileId] = true
			for _, v := range t.mm.Vmas {
				used[uint32(v.Shmid)] = true
			}
		}
	}
	maps.DeleteFunc(roots, func(id uint32, _ bool) bool { return used[id] })
	return roots
}

// unopened notes a file that cannot be opened: the user is told all of them at once.
func (r *restore) unopened(f *image.FileEntry, err error) {
	remedy := "bring the file back as it was at the dump"
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		remedy = "restore with CRIU"
	case errors.Is(err, fs.ErrPermission):
		remedy = "restore as a user who may open it"
	case f.Type == image.FdTypes_TTY:
		remedy = "restore from a terminal, with --shell-job"
	case f.Reg == nil:
		remedy = ""
	}
	r.found = append(r.found, Obstacle{Thing: fmt.Sprintf("files.img: id %d", f.Id), Cause: err.Error(), Remedy: remedy})
}

// planFiles plans how tasks come to what they hold.
func (r *restore) planFiles() error {
	maker := map[int]int{}
	for _, p := range r.tree.Programs {
		for _, s := range p.Steps {
			if s.Op == tree.Clone {
				maker[s.Pid] = p.Pid
			}
		}
	}
	var holders []file.Holder
	for _, p := range r.tree.Programs {
		if t := r.image.byPid[p.Pid]; t != nil && !p.Helper && !t.zombie() {
			holders = append(holders, file.Holder{
				Pid: p.Pid, Maker: maker[p.Pid], FilesID: t.ids.FilesId, FsID: t.ids.FsId, Fds: t.fds, Fs: t.fs,
			})
		}
	}
	var err error
	r.placer, err = file.NewPlacer(r.area, file.Plan{
		Umask:   r.engine.Umask,
		Holders: holders, Base: r.fds.base, Fd: r.fds.File, Files: r.image.files, Locks: r.image.set.Locks, Later: r.opener.Later,
	})
	return err
}

// readyFiles does to open files what has to wait until all tasks are there.
func (r *restore) readyFiles() error {
	if err := r.opener.Arm(r.fds.File); err != nil {
		return err
	}
	return r.opener.Foreground(r.image.set.TtyInfos, func(pgrp uint32) bool {
		return slices.ContainsFunc(r.image.tasks, func(t *loadedTask) bool { return t.ps.Pid == pgrp && t.ps.Pgid == pgrp })
	})
}

func (r *restore) laterFiles() map[uint32]bool {
	tids := map[int]bool{}
	for _, t := range r.image.tasks {
		tids[t.pid()] = true
		for _, th := range t.threads {
			tids[th.tid] = true
		}
	}
	return file.Later(r.image.files, func(tid int) bool { return tids[tid] })
}
