package core

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/mem"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
	"woodfrog/core/tree"
	"woodfrog/internal/linux"
)

// mapKey is a descriptor by which tasks map a file: of the image's files, for reading only or for writing too, or of an object in memory
// that is in no list of files.
type mapKey struct {
	id    uint64
	flags uint32
	anon  bool
}

// Mapped is mem.Fds.
func (r *restore) Mapped(v *image.VmaEntry) (fd int, err error) {
	k := mapKey{id: v.Shmid, anon: v.Status&image.VmaAnonShared != 0}
	if v.Fdflags != nil {
		k.flags = *v.Fdflags
	} else if v.Status&image.VmaFileShared != 0 && v.Prot&unix.PROT_WRITE != 0 {
		k.flags = unix.O_RDWR
	}
	if fd, ok := r.mapped[k]; ok {
		return fd, nil
	}
	if fd, err = r.openMapped(k); err != nil {
		return -1, err
	}
	r.mapped[k] = fd
	return fd, nil
}

func (r *restore) openMapped(k mapKey) (int, error) {
	if k.anon {
		fd, err := r.objects.Anon(k.id)
		if err != nil {
			return -1, err
		}
		return r.fds.add(fd)
	}
	e := r.image.files[uint32(k.id)]
	switch {
	case e == nil:
		return -1, fmt.Errorf("file %#x: not in files.img", k.id)
	case e.Reg != nil && e.Reg.Flags&unix.O_ACCMODE == k.flags&unix.O_ACCMODE:
		return r.fds.File(uint32(k.id))
	case e.Reg != nil:
		reg := *e.Reg
		reg.Flags, reg.Pos = k.flags, 0
		fd, err := r.opener.Regular(&reg)
		if err != nil {
			return -1, err
		}
		return r.fds.take(fd)
	case e.Memfd != nil:
		fd, err := r.objects.Memory(uint64(e.Memfd.InodeId))
		if err != nil {
			return -1, err
		}
		if k.flags&unix.O_ACCMODE == unix.O_RDWR {
			return r.fds.add(fd)
		}
		if fd, err = mem.Reopen(fd, k.flags); err != nil {
			return -1, err
		}
		return r.fds.take(fd)
	}
	return -1, fmt.Errorf("file %#x: type %s: not one that can be mapped", k.id, e.Type)
}

// planSpaces plans the address spaces of all tasks, makers before those they make.
func (r *restore) planSpaces() error {
	r.inherits = make([]mem.Inherited, len(r.tree.Programs))
	var visit func(i int, maker *loadedTask, vdsoAt []uint64) error
	visit = func(i int, maker *loadedTask, vdsoAt []uint64) error {
		tp := r.tree.Programs[i]
		t := r.image.byPid[tp.Pid]
		if tp.Helper || t.zombie() {
			maker = nil
		} else {
			if maker != nil && maker.abi != t.abi {
				maker = nil
			}
			if maker == nil {
				vdsoAt = r.vdsos[t.abi].lobbyStarts()
			}
			if err := r.newSpace(t); err != nil {
				return fmt.Errorf("task %d: %w", tp.Pid, err)
			}
			if maker != nil {
				var err error
				if r.inherits[i], err = t.space.Inherit(maker.space); err != nil {
					return fmt.Errorf("task %d: %w", tp.Pid, err)
				}
				r.result.PagesCompared += r.inherits[i].Compared
				r.result.PagesSkippedCOW += r.inherits[i].Shared
			}
			r.result.PagesRestored += t.space.Fills() / uint64(unix.Getpagesize())
			vdsoAt = r.inheritVDSO(t, maker, vdsoAt)
			maker = t
		}
		for _, s := range tp.Steps {
			if s.Op == tree.Clone {
				if err := visit(s.Program, maker, vdsoAt); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return visit(0, nil, nil)
}

// newSpace sets t.space.
func (r *restore) newSpace(t *loadedTask) error {
	var f *image.File
	if t.pages.StoredIn(0, ^uint64(0)) > 0 {
		var err error
		if f, err = r.dir.OpenPages(t.pages.PagesID, true); err != nil {
			return err
		}
		err = f.HandOver(func(fd int) (int, error) {
			t.pagesFd, err = r.fds.take(fd)
			return t.pagesFd, err
		})
		if err != nil {
			return err
		}
	}
	if err := r.refitStacks(t, f); err != nil {
		return err
	}
	vmas, err := r.placeVDSO(t, f)
	if err != nil {
		return err
	}
	if t.space, err = mem.NewSpace(vmas, t.pages, f, r.alone); err != nil {
		return err
	}
	if mem.HasDroppable(vmas) {
		if has, err := r.facts.Ask(kerndat.Droppable); err == nil && has == kerndat.No {
			t.space.WithoutDroppable()
		}
	}
	return nil
}

// planMemory makes the address space of t, without contents.
func (r *restore) planMemory(p *stub.Program, t *loadedTask) error {
	r.gatherVDSO(p, t)
	if err := t.space.Map(p, r, r.stubRun(), r.ends[t.abi]); err != nil {
		return err
	}
	r.planVDSO(p, t)
	return nil
}

// perReader is what a thread reads at least for it to be worth making, bytes.
const perReader = 8 << 20

// maxReaders is from where on more threads gain nothing: the memory is the bound.
const maxReaders = 4

// planFill brings the contents of private memory: much of it by several threads, which end when they are done.
func (r *restore) planFill(p *stub.Program, t *loadedTask) error {
	n := int(min(t.space.Fills()/perReader, uint64(runtime.NumCPU()), maxReaders))
	progs := []*stub.Program{p}
	before := len(r.readers)
	for range n - 1 {
		if err := r.addReader(p); err != nil {
			return err
		}
		progs = append(progs, r.readers[len(r.readers)-1].prog)
	}
	t.space.Fill(t.pagesFd, progs...)
	for _, rd := range r.readers[before:] {
		rd.prog.Call(arch.SysExit, 0)
		rd.prog.Link()
		p.Wait(rd.running, 0).Note("reader")
	}
	r.patchVDSO(p, t)
	r.patchStacks(p, t)
	return nil
}

// reader is a thread of a task that reads pages for a while.
type reader struct {
	prog    *stub.Program
	running stub.Data // the kernel clears it at the very end of the thread
}

func (r *restore) addReader(p *stub.Program) error {
	tid := r.sparePid()
	if tid == 0 {
		return errors.New("read memory: no PID is free for a thread that does")
	}
	rd := reader{r.area.NewProgram(p.ABI()), r.area.Word()}
	rd.running.Atomic().Store(1)
	r.readers = append(r.readers, rd)
	args := linux.CloneArgs{
		Flags: threadFlags | unix.CLONE_CHILD_CLEARTID, ChildTid: rd.running.Addr(), SetTid: r.setTid(tid).Addr(), SetTidSize: 1,
	}
	p.Clone(rd.prog, r.area.Bytes(args.Append(nil))).Note("reader %d", tid)
	return nil
}

// sparePid is a PID that neither the image nor anyone else has, nor was given out before: for readers and for tasks that are there for the
// time of the restore. They come from the upper end, which the kernel reaches last. 0 when there are no more.
func (r *restore) sparePid() int {
	if r.spare == 0 {
		r.spare = 1 << 15 // PID_MAX_DEFAULT
		if text, err := procfs.ReadSys(procfs.Root, "kernel/pid_max"); err == nil {
			if n, err := strconv.Atoi(text); err == nil {
				r.spare = n
			}
		}
		r.spare -= rand.IntN(r.spare / 16) // who restores at the same time has others
	}
	for r.spare > 1 {
		r.spare--
		if unix.Kill(r.spare, 0) == unix.ESRCH && !r.inImage(r.spare) {
			return r.spare
		}
	}
	return 0
}

func (r *restore) inImage(tid int) bool {
	return slices.ContainsFunc(r.image.tasks, func(t *loadedTask) bool {
		ps := t.ps
		return slices.Contains(ps.Threads, uint32(tid)) || int(ps.Pgid) == tid || int(ps.Sid) == tid
	})
}
