package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// outside is the session, or process group, into which the root is born. No task of the tree leads it.
const outside = 0

// open is the birth session of a session leader that may be born in any.
const open = -1

// node is a task to be made: one of the image, or a helper.
type node struct {
	pid    int
	task   *Task // nil: a helper
	parent *node // the recorded parent; nil for the root and for helpers
	sid    int   // session in the end
	pgid   int   // process group in the end
	born   int   // session it is born in

	needs []*node // tasks that must be among its makers' makers
	mark  int     // of the last walk that came here

	maker  *node
	depth  int   // in the tree of makers
	target *node // of a helper: who inherits its children when it exits; nil: it leaves none
	kids   []*node

	prog     *program
	group    int // process group while the plan is written
	made     *step
	founded  *step // its own group or session
	joined   *step // the group it ends in
	adopting bool  // is the target of a helper
}

func (n *node) helper() bool { return n.task == nil }
func (n *node) leader() bool { return n.sid == n.pid }

// founder says that n's program makes process group n.pid by setpgid.
func (n *node) founder(f *forest) bool { return !n.leader() && f.groups[n.pid] != nil }

// moves says that n's program makes a process group and then leaves it.
func (n *node) moves(f *forest) bool { return n.founder(f) && n.pgid != n.pid && !n.helper() }

// in says that n is in session s at some time.
func (n *node) in(s int) bool { return n.born == s || s != outside && n.leader() && n.pid == s }

// group is a process group of the image.
type group struct {
	id      int
	sid     int
	members []*node
}

type forest struct {
	in     Input
	root   *node
	nodes  []*node // parents before children, then helpers
	byPid  map[int]*node
	groups map[int]*group
	order  []*group
	used   map[int]bool // every PID and TID of the image

	walk    int      // number of the walk over needs
	walked  int      // tasks seen in all walks
	trail   []func() // undoes what an attempt changed, last first
	attempt int
	rnd     *rand.Rand
}

func newForest(in Input) (*forest, error) {
	f := &forest{in: in, byPid: map[int]*node{}, groups: map[int]*group{}, used: map[int]bool{}}
	if in.Spare == nil {
		pid := 299
		f.in.Spare = func() int { pid++; return pid }
	}
	if err := f.addTasks(); err != nil {
		return nil, err
	}
	if err := f.addSessions(); err != nil {
		return nil, err
	}
	return f, f.addGroups()
}

func contradiction(pid int, format string, args ...any) error {
	return &Error{Pid: pid, Kind: Contradictory, Cause: fmt.Sprintf(format, args...)}
}

// addTasks puts the tasks in f.nodes in preorder.
func (f *forest) addTasks() error {
	kids := map[int][]*node{}
	for i := range f.in.Tasks {
		t := &f.in.Tasks[i]
		if t.Pid <= 0 || t.Sid < 0 || t.Pgid < 0 {
			return contradiction(t.Pid, "pid %d, process group %d, session %d: not positive", t.Pid, t.Pgid, t.Sid)
		}
		if f.used[t.Pid] {
			return contradiction(t.Pid, "pid used twice")
		}
		f.used[t.Pid] = true
		for _, tid := range t.Threads {
			if tid == t.Pid {
				continue
			}
			if tid <= 0 || f.used[tid] {
				return contradiction(t.Pid, "thread %d: tid used twice", tid)
			}
			if t.Zombie {
				return &Error{Pid: t.Pid, Kind: ZombieThreads, Cause: fmt.Sprintf("zombie whose thread %d lives", tid)}
			}
			f.used[tid] = true
		}
		n := &node{pid: t.Pid, task: t, sid: t.Sid, pgid: t.Pgid}
		f.byPid[t.Pid] = n
		if t.Pid != f.in.Root {
			kids[t.PPid] = append(kids[t.PPid], n)
		}
	}
	f.root = f.byPid[f.in.Root]
	if f.root == nil {
		return contradiction(f.in.Root, "root is not in the image")
	}
	stack := []*node{f.root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		f.nodes = append(f.nodes, n)
		c := kids[n.pid]
		slices.Reverse(c)
		for _, k := range c {
			k.parent = n
		}
		if n.task.Zombie && (len(c) > 0 || n == f.root) {
			return contradiction(n.pid, "zombie that is a parent or the root")
		}
		stack = append(stack, c...)
	}
	if len(f.nodes) == len(f.in.Tasks) {
		return nil
	}
	for _, t := range f.in.Tasks {
		if n := f.byPid[t.Pid]; n != f.root && n.parent == nil {
			return contradiction(t.Pid, "parent %d is not in the image, or the parents form a ring", t.PPid)
		}
	}
	return nil
}

// addSessions renames the root's outside session to outside and adds a helper for each leader that is dead.
func (f *forest) addSessions() error {
	r := f.root
	if was := r.sid; was != r.pid {
		if err := f.checkOutside("session", was); err != nil {
			return err
		}
		if f.byPid[was] != nil {
			return contradiction(r.pid, "session %d is led by a descendant", was)
		}
		for _, n := range f.nodes {
			switch n.sid {
			case was:
				n.sid = outside
			case outside:
				return contradiction(n.pid, "session 0, where the root's is %d", was)
			}
		}
	}
	for _, n := range slices.Clone(f.nodes) {
		n.born = n.sid
		if n.leader() {
			n.born = open
			if n.pgid != n.pid {
				return contradiction(n.pid, "leads a session but is in process group %d", n.pgid)
			}
		}
		if n.parent != nil {
			n.needs = []*node{n.parent}
		}
		if n.sid == outside {
			if r.sid != outside {
				return contradiction(n.pid, "session 0, where the root's is %d", r.sid)
			}
			continue
		}
		if l := f.byPid[n.sid]; l == nil {
			if f.used[n.sid] {
				return contradiction(n.pid, "session %d is the tid of a thread", n.sid)
			}
			f.addHelper(&node{pid: n.sid, sid: n.sid, pgid: n.sid, born: open, needs: []*node{r}})
		} else if !l.leader() {
			return contradiction(n.pid, "session %d, whose leader is in session %d", n.sid, l.sid)
		}
	}
	r.born = outside
	return nil
}

func (f *forest) addHelper(n *node) {
	f.nodes = append(f.nodes, n)
	f.byPid[n.pid] = n
	f.used[n.pid] = true
}

// checkOutside says whether the root may be in session or process group id, which is not its own.
func (f *forest) checkOutside(what string, id int) error {
	if id == 0 || f.in.ShellJob {
		return nil
	}
	return &Error{Pid: f.root.pid, Kind: Outside,
		Cause:  fmt.Sprintf("%s %d is led from outside the tree", what, id),
		Remedy: "dump and restore with --shell-job, or start the tree with setsid"}
}

// addGroups collects the process groups. Helpers for dead leaders come later, when makers are known.
func (f *forest) addGroups() error {
	r := f.root
	if was := r.pgid; was != r.pid && f.byPid[was] == nil {
		if err := f.checkOutside("process group", was); err != nil {
			return err
		}
		for _, n := range f.nodes {
			switch n.pgid {
			case was:
				n.pgid = outside
			case outside:
				return contradiction(n.pid, "process group 0, where the root's is %d", was)
			}
		}
	}
	for _, n := range f.nodes {
		if n.pgid == outside && r.pgid != outside {
			return contradiction(n.pid, "process group 0, where the root's is %d", r.pgid)
		}
		g := f.groups[n.pgid]
		if g == nil {
			g = &group{id: n.pgid, sid: n.sid}
			f.groups[n.pgid] = g
			f.order = append(f.order, g)
		}
		if !n.helper() {
			g.members = append(g.members, n)
		}
		if n.sid != g.sid {
			return contradiction(n.pid, "session %d, but process group %d is in session %d", n.sid, n.pgid, g.sid)
		}
		if l := f.byPid[n.pgid]; l != nil && l.sid != g.sid {
			return contradiction(n.pid, "process group %d in session %d, but task %d is in session %d", n.pgid, n.sid, l.pid, l.sid)
		}
		if n.pgid != outside && f.byPid[n.pgid] == nil && f.used[n.pgid] {
			return contradiction(n.pid, "process group %d is the tid of a thread", n.pgid)
		}
	}
	return nil
}
