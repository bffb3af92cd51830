package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/file"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/mem"
	"woodfrog/core/preflight"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/spawn"
	"woodfrog/core/stub"
	"woodfrog/core/task"
	"woodfrog/core/tree"
	"woodfrog/internal/linux"
)

// restore is a restore under way, on one locked OS thread, the tracer.
type restore struct {
	progress *progress
	ctx      context.Context
	backend  *arch.Backend
	abis     []*arch.ABI // of the tasks
	o        *Options
	fault    *fault
	dir      *image.Dir
	image    *loaded
	fds      *fdTable
	opener   file.Opener
	placer   *file.Placer
	objects  *mem.Objects
	mapped   map[mapKey]int
	inherits []mem.Inherited // what the task of each program of the plan takes over from its maker
	readers  []reader
	spare    int // the last PID that sparePid gave out
	tree     *tree.Plan
	programs []*stub.Program // of tree's programs
	births   []stub.Data     // the PID of each program's task once there is one; the root's stays 0
	robust   *linux.RobustList
	area     *stub.Area
	areaFd   int // its file, in the tasks too
	elfAt    uint64
	ends     map[*arch.ABI]uint64 // where this kernel's tasks end
	made     []*made
	engine   procfs.Status // of this process
	reviver  task.Reviver
	seized   stub.Data // 1 when the root is: from then on it cannot outlive the engine
	proc     int       // descriptor of /proc in the tasks
	ready    stub.Data // counts threads that are ready
	goOn     stub.Data // 1 when all are
	rootPid  int       // 0 while there is none
	traced   int       // how many of made are
	facts    kerndat.Facts
	vdsos    map[*arch.ABI]*vdsoPlan
	arrivals []*arrival
	guard    guard
	result   RestoreResult

	limit *unix.Rlimit // of descriptors, as it was before it was raised

	alone    bool // the tracer has a table of descriptors of its own
	planOnly bool
	lends    uint64    // capabilities that what it starts is to keep, and would lose
	found    Obstacles // so far
}

// made is a thread that is made.
type made struct {
	tid    int
	leader bool
	task   *loadedTask
	core   *image.CoreEntry
	rest   *image.XstateEntry
	prog   *stub.Program
}

func (r *restore) stages() []stage {
	return []stage{
		{"load", r.load},
		{"files", r.openFiles},
		{"preflight", r.preflight},
		{"plan", r.plan},
		{"spawn", r.spawn},
		{"populate", r.populate},
		{"tail", r.tail},
		{"switch", r.switchOver},
	}
}

// restoring is what faults of a restore may name.
var restoring = &operation{
	name:   "restore",
	stages: names((&restore{}).stages()),
	criu:   map[int]string{2: "stage:populate", 6: "stage:switch", 127: "vdso:trampolines", 130: "", 133: "vdso:no-map", 137: ""},
}

// takenLimit is for how long a PID may be taken that nobody is seen to have. Since Linux 6.15 the number of a task is free a moment after
// the task is gone (kernel/exit.c, release_task), and a processor may be taken away in that moment; it may be the number of a session, too.
const takenLimit = 2 * time.Second

// Restore makes the tree of the image files. Programs that this process executes meanwhile inherit the files of the tasks.
func Restore(ctx context.Context, b *arch.Backend, o Options) (RestoreResult, error) {
	o = o.filled()
	end := time.Now().Add(takenLimit)
	for nap := time.Millisecond; ; nap = min(2*nap, 64*time.Millisecond) {
		result, err := restoreOnce(ctx, b, o)
		if !pidTaken(err) || time.Now().After(end) || ctx.Err() != nil {
			return result, err
		}
		time.Sleep(nap) // and then preflight tells by whom, if it is seen
	}
}

// pidTaken says that somebody took a PID after it was seen to be free.
func pidTaken(err error) bool {
	var op *stub.SyscallError
	return errors.Is(err, spawn.ErrPidTaken) || errors.As(err, &op) && op.Errno == unix.EEXIST && strings.HasPrefix(op.Op, "clone")
}

func restoreOnce(ctx context.Context, b *arch.Backend, o Options) (RestoreResult, error) {
	r := &restore{ctx: ctx, backend: b, o: &o, mapped: map[mapKey]int{}}
	r.facts.ABI, r.facts.Compat = b.Native(), b.Compat()
	var err error
	if r.fault, err = parseFault(o.Fault, restoring); err != nil {
		return r.result, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = o.guarded("restore", r.run)
	r.facts.Save()
	if pidTaken(err) && r.image != nil {
		err = &TakenError{err, r.lastNumber()}
	}
	return r.result, err
}

func (r *restore) run() (err error) {
	start := time.Now()
	if r.dir, err = preflight.OpenImages(r.o.ImagesDir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.undo()
		}
		if err != nil || !r.o.Ending {
			r.close()
		}
	}()
	var stop func()
	r.progress, stop = r.o.watch()
	defer stop()
	if err := runStages(r.ctx, r.o, r.fault, r.progress, r.stages()); err != nil {
		return err
	}
	r.result.Pid = r.image.tasks[0].pid()
	r.result.Restore = time.Since(start)
	r.o.writeStats(r.dir, image.StatsRestore, r.result.entry())
	return nil
}

// close lets go of what the engine itself holds.
func (r *restore) close() {
	if r.robust != nil {
		r.robust.Close()
	}
	if r.area != nil {
		r.area.Close()
	}
	if r.fds != nil {
		r.fds.close()
	}
	if r.objects != nil {
		r.objects.Close()
	}
	r.lowerLimit()
	r.dir.Close()
}

func (r *restore) load() error {
	if err := r.dir.List(); err != nil {
		return err
	}
	var err error
	r.image, err = load(r.dir, r.backend.ABIs)
	return err
}

// areaSize is the address space that the stub's area takes while programs are made; only what is used is mapped in tasks.
const areaSize = 64 << 20

// ready and go-on words, programs: everything but the registers is laid down before the first process exists.
func (r *restore) plan() error {
	r.ends = map[*arch.ABI]uint64{}
	for _, t := range r.image.tasks {
		if !t.zombie() && !slices.Contains(r.abis, t.abi) {
			r.abis = append(r.abis, t.abi)
			r.ends[t.abi] = kerndat.TaskSize(t.abi)
		}
	}
	base, err := r.findHole(areaSize + 1<<20)
	if err != nil {
		return err
	}
	r.elfAt = base
	fd, err := stub.NewMemfd(areaSize)
	if err != nil {
		return err
	}
	if r.areaFd, err = r.fds.take(fd); err != nil {
		return err
	}
	if r.area, err = stub.NewArea(r.abis, r.areaFd, areaSize, unix.Getpagesize(), base+1<<20); err != nil {
		return err
	}
	r.area.Fail, r.area.Crash = r.fault.op, r.fault.crash
	if r.robust, err = linux.NewRobustList(); err != nil {
		return err
	}
	r.area.Guard(r.robust)
	r.seized, r.ready, r.goOn = r.area.Word(), r.area.Word(), r.area.Word()
	if err := r.prepareVDSO(); err != nil {
		return err
	}
	return r.planTree()
}

// findHole finds an address range that is free in all tasks of the image; and one where exec puts nothing if there is such a one: stack
// and vDSO are in the highest terabytes, or in the upper half of a small address space, at random places (arch/x86/mm/mmap.c,
// arch_pick_mmap_layout).
func (r *restore) findHole(size uint64) (uint64, error) {
	const align = 1 << 20
	end, aslr := ^uint64(0), uint64(32)
	for _, abi := range r.abis {
		end = min(end, r.ends[abi])
		if abi.WordSize() == 4 {
			aslr = 2
		}
	}
	for _, top := range []uint64{end - end/aslr, end} {
		for at := (top - size) &^ (align - 1); at > align; {
			low, ok := r.lowestOverlap(at, at+size)
			if !ok {
				return at, nil
			}
			if low < size+align {
				break
			}
			at = (low - size) &^ (align - 1)
		}
	}
	return 0, fmt.Errorf("no %d bytes of address space are free in all tasks of the image", size)
}

func (r *restore) lowestOverlap(start, end uint64) (low uint64, ok bool) {
	for _, t := range r.image.tasks {
		if t.mm == nil {
			continue
		}
		for _, v := range t.mm.Vmas {
			if v.Start < end && start < v.End && (!ok || v.Start < low) {
				low, ok = v.Start, true
			}
		}
	}
	return low, ok
}

func (r *restore) spawn() error {
	root := r.made[0]
	elf := spawn.ELF(r.area, root.prog.Block, r.areaFd, r.elfAt)
	if err := r.start(elf, root.tid, r.o.RestoreSibling); err != nil {
		return err
	}
	r.rootPid = root.tid
	if err := r.seize(root); err != nil {
		return err
	}
	r.traced = 1
	r.seized.Atomic().Store(1)
	return linux.FutexWake(r.seized.Atomic())
}

// start starts a program of ours as a process with the capabilities of the engine.
func (r *restore) start(elf []byte, pid int, sibling bool) error {
	if r.lends == 0 {
		return spawn.Start(r.backend, elf, pid, sibling)
	}
	undo, err := linux.MakeAmbient(r.lends)
	if err != nil {
		return err
	}
	defer func() {
		if err := undo(); err != nil {
			r.o.Log.Warn("capabilities of woodfrog", "err", err)
		}
	}()
	return spawn.Start(r.backend, elf, pid, sibling)
}

// seize seizes a thread. One that died has no other reason for an error, which may take a moment to show: threads are gone before their task is.
func (r *restore) seize(m *made) error {
	err := linux.Seize(m.tid, seizeOptionsOf(m))
	if err == nil {
		return nil
	}
	died := r.failed()
	for end := time.Now().Add(time.Second); died == nil && err == unix.ESRCH && time.Now().Before(end); died = r.failed() {
		time.Sleep(time.Millisecond)
	}
	if died != nil {
		return died
	}
	return fmt.Errorf("task %d: thread %d: seize: %w", m.task.pid(), m.tid, err)
}

// populate waits until all threads are ready. Of each task only the thread that was made last wakes us: those that are later than that are
// not far behind.
func (r *restore) populate() error {
	if err := r.startGuard(); err != nil {
		return err
	}
	const long, short = 10 * time.Millisecond, 200 * time.Microsecond
	ready := r.ready.Atomic()
	nap := long
	r.progress.of(int64(len(r.made)))
	all := uint32(r.awaited())
	if !r.lone() {
		all += uint32(len(r.made))
	}
	for {
		n := ready.Load()
		if err := r.tellArrivals(); err != nil {
			return err
		}
		if n == all {
			return nil
		}
		if err := linux.FutexWait(ready, n, nap); err != nil {
			return err
		}
		if now := ready.Load(); now != n {
			r.progress.add(int64(now - n))
			nap = short
			continue
		}
		nap = min(2*nap, long)
		if err := r.failed(); err != nil {
			return err
		}
	}
}

// failed looks for a program that failed, or a task that died.
func (r *restore) failed() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	for _, m := range r.made {
		if m.prog.Failed() {
			return fmt.Errorf("task %d: thread %d: %w", m.task.pid(), m.tid, m.prog.Err())
		}
	}
	for i, p := range r.programs { // those of zombies, and of tasks for the time of the restore, are not in made
		if p.Failed() {
			return fmt.Errorf("task %d: %w", r.tree.Programs[i].Pid, p.Err())
		}
	}
	for _, a := range r.arrivals {
		if a.way != nil && a.way.Failed() {
			return fmt.Errorf("task %d: %w", a.pid, a.way.Err())
		}
	}
	for _, rd := range r.readers {
		if rd.prog.Failed() {
			return fmt.Errorf("read memory: %w", rd.prog.Err())
		}
	}
	for _, m := range r.made[:max(1, r.traced)] {
		if err := m.goesOn(); err != nil {
			return fmt.Errorf("task %d: %w", m.task.pid(), err)
		}
	}
	for i, p := range r.tree.Programs {
		lives := func(m *made) bool { return m.leader && m.tid == p.Pid }
		if r.born(i) && slices.ContainsFunc(r.made, lives) && dead(p.Pid) {
			return fmt.Errorf("task %d: died while it was made", p.Pid)
		}
	}
	return nil
}

// goesOn looks after a thread in the stub that we trace: what job control has stopped goes on, what a signal has stopped is at its end.
func (m *made) goesOn() error {
	got, status, err := linux.Wait(m.tid, true)
	switch {
	case err != nil || got != 0 && (status.Exited() || status.Signaled()):
		return fmt.Errorf("died while it was made: %s", death(status))
	case got == 0:
		return nil
	}
	stop := ptrace.Decode(status)
	sig, ok := stop.Onward()
	if !ok {
		return fmt.Errorf("thread %d: stopped by %v inside the stub", m.tid, stop.Signal)
	}
	return linux.Cont(m.tid, sig)
}

// dead says whether a task has ended: one that was made has a maker that waits for no child.
func dead(pid int) bool {
	proc, err := procfs.Open(procfs.Root, pid)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer proc.Close()
	stat, err := proc.Stat()
	return err == nil && (stat.State == 'Z' || stat.State == 'X')
}

func death(s unix.WaitStatus) string {
	if s.Signaled() {
		return "killed by " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d (%s)", s.ExitStatus(), unix.Errno(s.ExitStatus()))
}

// tail seizes all threads, lets them do what comes last, and waits for all.
func (r *restore) tail() error {
	for _, m := range r.made[1:] {
		if err := r.seize(m); err != nil {
			return err
		}
	}
	r.traced = len(r.made)
	if !r.lone() {
		r.goOn.Atomic().Store(1)
		if err := linux.FutexWake(r.goOn.Atomic()); err != nil {
			return err
		}
	}
	for _, m := range r.made {
		if err := m.prog.Block.Wait(r.failed); err != nil {
			return err
		}
		if err := m.prog.Err(); err != nil {
			return fmt.Errorf("task %d: thread %d: %w", m.task.pid(), m.tid, err)
		}
	}
	if err := r.objects.Seal(); err != nil {
		return err
	}
	return r.readyFiles()
}
