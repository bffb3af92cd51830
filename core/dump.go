package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"woodfrog/arch"
	"woodfrog/core/file"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/mem"
	"woodfrog/core/preflight"
	"woodfrog/core/task"
	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
	"woodfrog/internal/parallel"
)

// dump is a dump under way. Its stages run one after another on one locked OS thread, the tracer.
type dump struct {
	ctx      context.Context
	backend  *arch.Backend
	pid      int
	o        *Options
	fault    *fault
	progress *progress
	dir      *image.Dir
	tree     *task.Tree
	files    *file.Table
	filters  task.FilterTable
	shmem    mem.Shmem
	robust   *linux.RobustList
	frozen   time.Time
	stats    DumpStats
	fsIDs    map[*task.Task]uint32
	tags     map[*task.Task][]*image.TagRun
	layout   *arch.XstateLayout
	cpus     string // that the engine may run on
	facts    kerndat.Facts
	vdsos    map[*arch.ABI]*task.VDSOKernel
	done     bool // the image is committed
}

func (d *dump) stages() []stage {
	return []stage{
		{"preflight", d.preflight},
		{"freeze", d.freeze},
		{"collect", d.collect},
		{"ask", d.ask},
		{"files", d.dumpFiles},
		{"memory", d.dumpMemory},
		{"tasks", d.dumpTasks},
		{"commit", d.commit},
	}
}

// dumping is what faults of a dump may name.
var dumping = &operation{
	name:   "dump",
	stages: names((&dump{}).stages()),
	criu:   map[int]string{1: "stage:collect", 3: "stage:memory", 5: "stage:ask", 136: "kill:memory", 127: "", 130: "", 133: "", 137: ""},
}

// Dump writes the tree of pid into image files.
func Dump(ctx context.Context, b *arch.Backend, pid int, o Options) (DumpStats, error) {
	o = o.filled()
	d := &dump{ctx: ctx, backend: b, pid: pid, o: &o, fsIDs: map[*task.Task]uint32{}, tags: map[*task.Task][]*image.TagRun{}, vdsos: map[*arch.ABI]*task.VDSOKernel{}}
	d.facts.ABI, d.facts.Compat = b.Native(), b.Compat()
	d.files = file.NewTable(file.Options{EvasiveDevices: o.EvasiveDevices, FileLocks: o.FileLocks, ShellJob: o.ShellJob})
	defer d.files.Close()
	d.files.Memory = &d.shmem
	defer d.shmem.Close()
	if b.Xstate != nil {
		d.layout = b.Xstate()
	}
	var err error
	if d.fault, err = parseFault(o.Fault, dumping); err != nil {
		return d.stats, err
	}
	onTracer(o.Ending, func() func() {
		err = o.guarded("dump", d.run)
		if d.tree != nil && d.tree.Loose() {
			return d.tree.LetGo
		}
		return nil
	})
	d.facts.Save()
	fds.Flush()
	return d.stats, err
}

func (d *dump) run() (err error) {
	defer func() {
		if e := d.release(); err == nil {
			err = e
		}
		if d.dir == nil {
			return
		}
		if err == nil {
			d.o.writeStats(d.dir, image.StatsDump, d.stats.entry())
		}
		_ = d.dir.Close()
	}()
	var stop func()
	d.progress, stop = d.o.watch()
	defer stop()
	return runStages(d.ctx, d.o, d.fault, d.progress, d.stages())
}

func (d *dump) freeze() error {
	if err := d.dir.Begin(); err != nil {
		return err
	}
	start := time.Now()
	d.frozen = start
	var err error
	d.tree, err = task.Freeze(d.ctx, d.pid, d.o.FreezeTimeout)
	d.stats.Freezing = time.Since(start)
	var traced *task.TracedError
	if errors.As(err, &traced) { // preflight asks the leaders only: each thread would cost it a file
		return preflight.Traced(traced.Pid, fmt.Sprintf("thread %d", traced.Tid), traced.Tracer, fmt.Sprintf("process %d", traced.Tracer))
	}
	return err
}

func (d *dump) collect() error {
	if err := d.locate(); err != nil {
		return err
	}
	var tasks []*task.Task
	for _, t := range d.tree.Tasks {
		if !t.Zombie() {
			tasks = append(tasks, t)
		}
	}
	proc := func() error { return d.collectProc(tasks) }
	if len(tasks) >= task.FewTasks {
		proc = parallel.Beside(proc)
	}
	var first error
	for _, t := range tasks {
		if first = d.collectTraced(t); first != nil {
			break
		}
	}
	return errors.Join(first, proc())
}

// collectTraced collects what only the tracer can.
func (d *dump) collectTraced(t *task.Task) (err error) {
	if err := t.Collect(); err != nil {
		return err
	}
	d.tags[t], err = mem.Tags(t)
	return err
}

// collectProc collects what /proc tells to anybody.
func (d *dump) collectProc(tasks []*task.Task) error {
	err := parallel.Do(len(tasks), task.FewTasks, func(i int) error { return tasks[i].CollectProc() })
	if err != nil {
		return err
	}
	return d.files.Collect(tasks)
}

// locate finds the areas of all tasks and has their threads outside of the vDSO. Those that were inside run for that, and may
// make more tasks.
func (d *dump) locate() error {
	located := map[*task.Task]bool{}
	for again := true; again; {
		again = false
		var tasks []*task.Task
		for _, t := range d.tree.Tasks {
			if t.Zombie() || located[t] {
				continue
			}
			if err := d.identify(t); err != nil {
				return fmt.Errorf("task %d: %w", t.Pid, err)
			}
			t.Xstate = d.layout
			t.Ended = func() error { return context.Cause(d.ctx) }
			_, slow := d.fault.vdso("slow")
			_, stuck := d.fault.vdso("stuck")
			t.Faults = task.Faults{Op: d.fault.op, Crash: d.fault.crash, Call: d.fault.call, Slow: slow, Stuck: stuck}
			tasks = append(tasks, t)
		}
		if err := task.Look(tasks); err != nil {
			return err
		}
		for _, t := range tasks {
			k, err := d.vdsoKernel(t.ABI)
			if err != nil {
				return err
			}
			ran, err := t.Locate(k)
			if err == nil && !ran {
				ran, err = d.tree.SlipOut(t)
			}
			if err != nil {
				return err
			}
			located[t] = !ran
			again = again || ran
		}
		if again {
			if err := d.tree.Again(d.ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// identify finds out the ABI of a task.
func (d *dump) identify(t *task.Task) error {
	abi, program, err := t.Proc.ABI(&t.Stat, d.backend.ABIs)
	switch {
	case err != nil:
		return err
	case abi == nil:
		return fmt.Errorf("%s: not served", program)
	}
	t.ABI = abi
	return nil
}

func (d *dump) ask() error {
	var err error
	if d.robust, err = linux.NewRobustList(); err != nil {
		return err
	}
	if err := d.tree.EnterCages(d.robust); err != nil {
		return err
	}
	if err := d.tree.Ask(); err != nil {
		return err
	}
	for _, t := range d.tree.Tasks {
		if t.Zombie() {
			continue
		}
		if err := t.LeaveVDSOInFrames(); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) dumpFiles() error {
	if err := d.files.Finish(d.dir, d.tree); err != nil {
		return err
	}
	for _, t := range d.tree.Tasks {
		if t.Zombie() {
			continue
		}
		fs, id, err := d.files.Fs(t)
		if err != nil {
			return err
		}
		d.fsIDs[t] = id
		if err := d.dir.Write(image.Fs, t.Pid, fs); err != nil {
			return err
		}
	}
	return d.files.CheckShares(d.tree)
}

// imageVersion is CRTOOLS_IMAGES_V1_1.
const imageVersion = 2

func (d *dump) commit() error {
	yes := true
	uptime := uint64(time.Now().UnixMicro())
	err := d.dir.Commit(&image.InventoryEntry{
		ImgVersion: imageVersion, FdinfoPerId: &yes, NsPerId: &yes, DumpUptime: &uptime, RootIds: rootIDs(len(d.tree.Tasks)),
	})
	d.done = err == nil
	return err
}

// release ends the tasks after a dump that is to end them; in all other cases they go on as they were.
func (d *dump) release() error {
	if d.tree == nil {
		return nil
	}
	var err error
	if d.done && !d.o.LeaveRunning && !d.o.LeaveStopped {
		err = d.tree.Kill()
	} else {
		err = d.tree.Thaw(d.done && d.o.LeaveStopped)
	}
	d.stats.Frozen = time.Since(d.frozen)
	if d.robust != nil {
		d.robust.Close()
	}
	return err
}
