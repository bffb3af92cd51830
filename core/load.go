package core

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/mem"
	"woodfrog/core/preflight"
	"woodfrog/core/task"
	"woodfrog/core/tree"
)

// loaded is a whole image, read before any process exists.
type loaded struct {
	tasks   []*loadedTask // in the order of the image: parents first
	byPid   map[int]*loadedTask
	files   map[uint32]*image.FileEntry
	seccomp []*image.SeccompFilter
	set     *image.Set
}

// loadedTask is a task of the image.
type loadedTask struct {
	abi     *arch.ABI // nil: none that is served
	ps      *image.PstreeEntry
	core    *image.CoreEntry
	threads []*loadedThread // the leader first
	mm      *image.MmEntry
	fds     []*image.FdinfoEntry
	fs      *image.FsEntry
	ids     *image.TaskKobjIdsEntry
	pages   *image.PageRuns
	space   *mem.Space // planned
	vdso    *taskVDSO  // planned
	tags    []*image.TagRun
	stacks  []stackPart        // planned; only of ABIs that have use for it
	pagesFd int                // descriptor of the pages file in the tasks
	traits  *image.TraitsEntry // nil: nothing unusual
	revival *task.Revival
	after   []tree.Step // what the leader does when the tree is complete
}

// loadedThread is a thread of the image.
type loadedThread struct {
	tid  int
	core *image.CoreEntry
	rest *image.XstateEntry
}

func (t *loadedTask) pid() int { return int(t.ps.Pid) }

func (t *loadedTask) zombie() bool { return t.core.Tc.TaskState == image.TaskDead }

// load reads and checks all images of dir.
func load(dir *image.Dir, abis []*arch.ABI) (*loaded, error) {
	set, err := image.Load(dir, image.LoadOptions{TaskSize: func(c *image.CoreEntry) uint64 {
		if abi := image.ABIOf(c, abis); abi != nil {
			return abi.LargestTask()
		}
		return 1 << 63 // the preflight refuses it by name
	}})
	if err != nil {
		return nil, preflight.NoInventory(dir, err)
	}
	l := &loaded{files: set.Files, seccomp: set.Seccomp, set: set, byPid: map[int]*loadedTask{}}
	for _, st := range set.Tasks {
		t := &loadedTask{ps: st.Entry, core: st.Core(), mm: st.Mm, fds: st.Fds, fs: st.Fs, ids: st.Ids, pages: st.Pagemap, tags: st.Tags}
		t.abi = image.ABIOf(t.core, abis)
		if !t.zombie() {
			for _, th := range st.Threads {
				t.threads = append(t.threads, &loadedThread{tid: th.Tid, core: th.Core, rest: th.Xstate})
			}
			if t.traits, err = loadTraits(dir, t.pid(), t.abi); err != nil {
				return nil, err
			}
		}
		l.tasks = append(l.tasks, t)
		l.byPid[t.pid()] = t
	}
	return l, nil
}

// loadTraits reads what is unusual about a task.
func loadTraits(dir *image.Dir, pid int, abi *arch.ABI) (*image.TraitsEntry, error) {
	e, err := image.ReadOne[image.TraitsEntry](dir, image.Traits, pid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case e.ExitSignal != nil && *e.ExitSignal > maxSignal:
		return nil, fmt.Errorf("%s: exit_signal: %d: out of range", image.Traits.FileName(pid), *e.ExitSignal)
	}
	for _, th := range e.Threads {
		if th.MCEKill != nil && *th.MCEKill > unix.PR_MCE_KILL_EARLY {
			return nil, fmt.Errorf("%s: thread %d: mce_kill: %d: out of range", image.Traits.FileName(pid), th.Tid, *th.MCEKill)
		}
		for _, p := range th.Prctls {
			if abi != nil && !slices.ContainsFunc(abi.Prctls, func(a arch.Prctl) bool { return a.Set == int(p.Option) }) {
				return nil, fmt.Errorf("%s: thread %d: prctl: option %d: %s tasks have none of that number", image.Traits.FileName(pid), th.Tid, p.Option, abi.Name)
			}
		}
	}
	return e, nil
}

// maxSignal is _NSIG.
const maxSignal = 64
