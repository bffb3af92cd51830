// Package preflight finds what keeps a tree from being dumped or restored: all of it at once, before a task is stopped or made. It
// only reads: /proc of the tasks as they run, the files of the image, facts of the kernel and of the engine's own process. What it
// cannot see from outside shows when the tree is stopped, and is undone then.
//
// It runs ahead of every dump and restore, so it reads nothing twice and nothing that costs more than it tells (maps, not smaps).
// It stands beside the packages of resources and asks them what they carry; it knows no ptrace and no stub.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
	"woodfrog/internal/parallel"
)

// DumpOptions say what is to be dumped, and what the dump may carry.
type DumpOptions struct {
	Pid       int
	ABIs      []*arch.ABI // that the engine serves
	ImagesDir string
	ShellJob  bool
	FileLocks bool
	Ends      bool // the tree is to end with the dump
	Facts     *kerndat.Facts
	Log       *slog.Logger
}

// Dump returns what keeps the tree of a task from being dumped, as Obstacles; nil when nothing that can be seen does. A tree that runs is
// not seen all at one moment: the other end of a pipe may be with a child made since, and the child of a vfork shares its parent's memory
// until it executes. Where there are no other obstacles those have to be found again.
func Dump(ctx context.Context, o DumpOptions) error {
	found, passing, err := look(ctx, o)
	o.Log = slog.New(slog.DiscardHandler) // what is to be said has been
	for again := 0; err == nil && len(found) > 0 && len(found) == passing && again < looks; again++ {
		time.Sleep(glance << again) // a process that ends may have to wait long for a processor
		var now Obstacles
		now, _, err = look(ctx, o)
		found = slices.DeleteFunc(found, func(x Obstacle) bool { return !slices.Contains(now, x) })
		passing = len(found)
	}
	if err != nil {
		return err
	}
	return found.Err()
}

// How often obstacles have to be found again, and after which time first: it doubles.
const (
	looks  = 10
	glance = 2 * time.Millisecond
)

// look looks once. passing is how many of the obstacles may be gone at the next look.
func look(ctx context.Context, o DumpOptions) (found Obstacles, passing int, err error) {
	proc, err := procfs.OpenProc(procfs.Root)
	if err != nil {
		return nil, 0, err
	}
	defer proc.Close()
	s := &scan{DumpOptions: o, self: linux.Pid(), open: func(pid int) (*procfs.Task, error) { return proc.Task(pid), nil }}
	s.families, s.mayHave = proc.Families, mayHave
	defer s.close()
	s.machine()
	if err := s.walk(ctx); err != nil {
		return nil, 0, err
	}
	for _, t := range s.tasks {
		s.found = append(s.found, t.found...)
	}
	return s.found, s.passing, nil
}

// scan is one look at a running tree.
type scan struct {
	DumpOptions
	self int // the engine's PID
	open func(pid int) (*procfs.Task, error)
	// families are those of procfs.Proc
	families func(most int) (map[int][]int, error)
	found    Obstacles  // that are no single task's
	passing  int        // obstacles that may be gone at the next look
	tasks    []*subject // parents before their children
	byPid    map[int]*subject

	maxFiles    uint64        // that the engine may open
	mayHave     func() uint64 // descriptors, in a restore
	engine      engine
	credentials func() *procfs.Status // of the engine

	mu     sync.Mutex // for what follows: tasks are looked at in parallel
	places map[string]*place
	frozen map[string]string // by the path of a cgroup: its state
}

// subject is a task that is looked at.
type subject struct {
	pid     int
	proc    *procfs.Task
	stat    procfs.Stat
	status  procfs.Status
	threads []int
	nets    []string // the network namespace of each thread, where there are several
	ends    []pipeEnd
	own     []ownFile
	fds     []int    // in order
	links   []string // of those, empty where it could not be read
	found   Obstacles
	files   map[string]*sighting
}

// sighting is how often a file was met that is in the way.
type sighting struct {
	at    int    // in found
	thing string // as what it was met first
	times int
}

func (t *subject) zombie() bool { return t.stat.State == 'Z' || t.stat.State == 'X' }

// thread says that the PID is a thread's: /proc shows those too, if they are asked for by number.
func (t *subject) thread() bool { return t.status.Tgid != 0 && t.status.Tgid != t.pid }

func (s *scan) close() {
	for _, t := range s.tasks {
		_ = t.proc.Close()
	}
}

// lost notes why there is no subject for a PID.
func (s *scan) lost(pid int, err error) bool {
	if !gone(err) {
		s.found = append(s.found, Obstacle{pid, "its /proc", err.Error(), ""})
	}
	return false
}

func (s *scan) add(thing, cause, remedy string) {
	s.found = append(s.found, Obstacle{Thing: thing, Cause: cause, Remedy: remedy})
}

func (t *subject) add(thing, cause, remedy string) {
	t.found = append(t.found, Obstacle{Pid: t.pid, Thing: thing, Cause: cause, Remedy: remedy})
}

// addFile is add of a file met n times, which may be met again: the program of a task, its descriptors and its areas may be of one file, and one
// line for it is enough.
func (t *subject) addFile(path string, n int, thing, cause, remedy string) {
	f := t.files[path]
	if f == nil {
		if t.files == nil {
			t.files = map[string]*sighting{}
		}
		f = &sighting{at: len(t.found), thing: thing}
		t.files[path] = f
		t.add(thing, cause, remedy)
	}
	if f.times += n; f.times > 1 {
		t.found[f.at].Thing = fmt.Sprintf("%s and %d more", f.thing, f.times-1)
	}
}

// unreadable notes that a file of a task could not be read. A task that has gone meanwhile is no obstacle.
func (t *subject) unreadable(err error) {
	if !gone(err) {
		t.add("its /proc", err.Error(), "")
	}
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// absent is what to do when nobody has the PID that was given.
const absent = "choose one that ps lists here: in a container a process has another PID than outside"

// walk looks at the whole tree. The shape comes first: of a tree that holds the engine there is no more to say.
func (s *scan) walk(ctx context.Context) error {
	s.byPid = map[int]*subject{}
	if !s.descriptorsLeft() {
		return nil
	}
	if before := len(s.found); !s.find(s.Pid) {
		if len(s.found) == before {
			s.found = append(s.found, Obstacle{s.Pid, "process", "there is none of that PID", absent})
		}
		return nil
	}
	if root := s.tasks[0]; root.stat.Flags&pfKthread != 0 {
		root.add("process", fmt.Sprintf("%s is a thread of the kernel", root.stat.Comm), "")
		return nil
	}
	if root := s.tasks[0]; root.zombie() && root.stat.NumThreads == 1 {
		root.add("process", fmt.Sprintf("%s has exited and waits for its parent, %s: nothing of it is left", root.stat.Comm, s.named(root.stat.PPID)), "")
		return nil
	}
	for i := 0; i < len(s.tasks); i++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.children(s.tasks[i])
		if !s.descriptorsLeft() {
			return nil
		}
		if s.byPid[s.self] != nil {
			s.found = append(s.found, Obstacle{s.self, "process", "it is this program itself, which cannot stop its own parents",
				"start the dump from outside of the tree, with setsid or from another shell"})
			return nil
		}
	}
	s.engineSide()
	defer s.makeRoom()()
	spread(len(s.tasks), fewTasks, func(i int) {
		if ctx.Err() == nil {
			s.task(s.tasks[i])
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if root := s.tasks[0]; root.thread() {
		return nil
	}
	s.sessions()
	s.sharedMemory()
	s.pipeEnds()
	s.sharedOwn()
	s.capacity()
	s.room()
	return nil
}

// makeRoom enlarges the table of descriptors beside what follows, for all that a dump keeps open: while it grows by itself the engine waits.
func (s *scan) makeRoom() (wait func()) {
	need := fdsPerTask * len(s.tasks)
	if need < fds.AtFirst/2 {
		return func() {}
	}
	grown := parallel.Beside(func() error { return fds.Grow(fdsOfEngine + need) })
	return func() { _ = grown() } // a limit was looked after
}

// find adds a task, and says whether there is one.
func (s *scan) find(pid int) bool {
	proc, err := s.open(pid)
	if err != nil {
		return s.lost(pid, err)
	}
	t := &subject{pid: pid, proc: proc}
	if t.stat, err = proc.Stat(); err != nil {
		_ = proc.Close()
		return s.lost(pid, err)
	}
	s.tasks = append(s.tasks, t)
	s.byPid[pid] = t
	return true
}

// children finds the children of all threads of t.
func (s *scan) children(t *subject) {
	t.threads = []int{t.pid}
	if t.stat.NumThreads > 1 {
		tids, err := t.proc.Threads()
		if err != nil {
			t.unreadable(err)
			return
		}
		t.threads = tids
	}
	lists, errs := make([][]int, 1, len(t.threads)), make([]error, len(t.threads))
	known := false
	if len(t.threads) >= fewThreads {
		families, err := s.families(len(t.threads))
		if err != nil {
			t.unreadable(err)
			return
		}
		lists[0], known = families[t.pid], families != nil
	}
	if !known {
		lists = lists[:len(t.threads)]
	}
	if len(t.threads) > 1 {
		t.nets = make([]string, len(t.threads))
	}
	parts := slices.Collect(slices.Chunk(t.threads, fewThreads))
	spread(len(parts), 2, func(i int) {
		at := i * fewThreads
		for k, tid := range parts[i] {
			thread := t.proc.Thread(tid)
			if !known {
				lists[at+k], errs[at+k] = thread.Children()
			}
			if t.nets != nil {
				t.nets[at+k], _ = thread.Link("ns/net")
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.unreadable(err)
		}
	}
	for _, pid := range slices.Concat(lists...) {
		if s.byPid[pid] == nil {
			s.find(pid)
		}
	}
}

// spread is parallel.Do of what notes its own errors.
func spread(n, few int, f func(i int)) {
	_ = parallel.Do(n, few, func(i int) error { f(i); return nil })
}

// pfKthread is PF_KTHREAD (include/linux/sched.h).
const pfKthread = 0x00200000

// task looks at one task.
func (s *scan) task(t *subject) {
	switch {
	case t.zombie() && t.stat.NumThreads > 1:
		t.add("process", fmt.Sprintf("its main thread has exited, and %d others run on", t.stat.NumThreads-1), "wait until they have ended")
		return
	case t.zombie():
		return
	}
	var err error
	if t.status, err = t.proc.Status(); err != nil {
		t.unreadable(err)
		return
	}
	if t.thread() {
		t.add("process", fmt.Sprintf("it is a thread of process %d", t.status.Tgid), fmt.Sprintf("dump the process: --tree %d", t.status.Tgid))
		return
	}
	if !s.traceable(t) {
		return // and the rest of its /proc is closed to us
	}
	s.namespaces(t)
	s.abi(t)
	s.security(t)
	s.state(t)
	s.descriptors(t)
	s.areas(t)
}

// state: a task that cannot be stopped. What only may not stop is a warning: the dump waits for it, with a deadline.
func (s *scan) state(t *subject) {
	// A cgroup v1 freezer shows as D; under v2 only the cgroup tells, and most trees have but one.
	if t == s.tasks[0] || t.stat.State == 'D' {
		s.cgroups(t)
	}
	if t.stat.State == 'D' {
		s.Log.Warn("task sleeps in the kernel and may not stop in time", "pid", t.pid)
	}
}

// sessions: who leads them must be in the tree, or have exited; one that has a terminal must be led from outside.
func (s *scan) sessions() {
	for _, t := range s.tasks {
		if t.stat.Session == t.pid && t.stat.TTYNr != 0 && !t.zombie() {
			t.add(fmt.Sprintf("session %d", t.pid), "has a terminal and is led by this process: not served yet",
				"dump what runs in the terminal and not the leader, or start the program with setsid and redirect it")
		}
	}
	if s.ShellJob {
		return
	}
	var seen []int
	for i, t := range s.tasks {
		sid := t.stat.Session
		if s.byPid[sid] != nil || slices.Contains(seen, sid) {
			continue
		}
		seen = append(seen, sid)
		cause := "its leader is not in the tree"
		leader, err := s.open(sid)
		var stat procfs.Stat
		if err == nil {
			stat, err = leader.Stat()
			_ = leader.Close()
		}
		switch {
		case sid == 0:
			cause = "its leader is in another PID namespace"
		case err == nil:
			cause = fmt.Sprintf("its leader, %s, is not in the tree", stat.Comm)
		case i > 0:
			continue // a session that has outlived its leader
		}
		t.add(fmt.Sprintf("session %d", sid), cause, "use --shell-job, or start the program with setsid")
	}
}
