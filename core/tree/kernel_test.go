package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// proc is a process of the model kernel.
type proc struct {
	pid, sid, pgid int
	parent         *proc // nil: made by the engine, or gone out of the tree
	subreaper      bool
	zombie         bool
	status         int
}

// kernel is a model of the rules that plans depend on: fork inheritance, PID use, setsid, setpgid, exit and reparenting.
type kernel struct {
	procs   map[int]*proc
	outSid  int // session and group of the engine
	outPgid int
}

func newKernel(root, sid, pgid int) *kernel {
	k := &kernel{procs: map[int]*proc{}, outSid: sid, outPgid: pgid}
	k.procs[root] = &proc{pid: root, sid: sid, pgid: pgid}
	return k
}

func (k *kernel) inUse(pid int) bool {
	for _, p := range k.procs {
		if p.pid == pid || p.sid == pid || p.pgid == pid {
			return true
		}
	}
	return pid == k.outSid || pid == k.outPgid
}

// clone makes pid a child of p, or with sibling of p's parent (CLONE_PARENT).
func (k *kernel) clone(p *proc, pid int, sibling bool) error {
	if k.inUse(pid) {
		return fmt.Errorf("clone3(set_tid=%d) by %d: EEXIST", pid, p.pid)
	}
	parent := p
	if sibling {
		parent = p.parent
	}
	k.procs[pid] = &proc{pid: pid, sid: p.sid, pgid: p.pgid, parent: parent}
	return nil
}

func (k *kernel) hasGroup(pgid, sid int) (exists, inSession bool) {
	if pgid == k.outPgid {
		return true, sid == k.outSid
	}
	for _, p := range k.procs {
		if p.pgid == pgid {
			exists = true
			inSession = inSession || p.sid == sid
		}
	}
	return exists, inSession
}

func (k *kernel) setsid(p *proc) error {
	if leads, _ := k.hasGroup(p.pid, 0); leads {
		return fmt.Errorf("setsid() by %d: EPERM", p.pid)
	}
	p.sid, p.pgid = p.pid, p.pid
	return nil
}

func (k *kernel) setpgid(p *proc, pid, pgid int) error {
	t := k.procs[pid]
	bad := func(why string) error { return fmt.Errorf("setpgid(%d, %d) by %d: %s", pid, pgid, p.pid, why) }
	switch {
	case t == nil || t != p && t.parent != p:
		return bad("ESRCH")
	case t.sid != p.sid:
		return bad("EPERM: other session")
	case t.sid == t.pid:
		return bad("EPERM: session leader")
	}
	if pgid != pid {
		if _, ok := k.hasGroup(pgid, p.sid); !ok {
			return bad("EPERM: no such group in the session")
		}
	}
	t.pgid = pgid
	return nil
}

// exit makes p a zombie; its children go to the nearest subreaper, or out of the tree.
func (k *kernel) exit(p *proc, status int) {
	p.zombie, p.status = true, status
	heir := p.parent
	for heir != nil && (heir.zombie || !heir.subreaper) {
		heir = heir.parent
	}
	for _, pid := range k.pids() {
		if c := k.procs[pid]; c.parent == p {
			c.parent = heir
		}
	}
}

func (k *kernel) reap(p *proc, pid int) (ok bool, err error) {
	c := k.procs[pid]
	if c == nil || c.parent != p {
		return false, fmt.Errorf("wait4(%d) by %d: ECHILD", pid, p.pid)
	}
	return c.zombie, nil
}

func (k *kernel) pids() []int {
	var all []int
	for pid := range k.procs {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all
}

// input is the model's tree as an image holds it.
func (k *kernel) input(root int) Input {
	in := Input{Root: root}
	for _, pid := range k.pids() {
		p := k.procs[pid]
		t := Task{Pid: pid, Sid: p.sid, Pgid: p.pgid, Subreaper: p.subreaper && !p.zombie, Zombie: p.zombie, Status: p.status}
		if p.parent != nil {
			t.PPid = p.parent.pid
		}
		in.Tasks = append(in.Tasks, t)
	}
	return in
}

// run executes a plan, one step of a random task at a time, and returns the model in the state it ends in.
func run(plan *Plan, in Input, rnd *rand.Rand) (*kernel, error) {
	k := newKernel(plan.Programs[0].Pid, outsideSid, in.OutsidePgid)
	type task struct {
		proc *proc
		prog *Program
		pc   int
	}
	tasks := []*task{{proc: k.procs[plan.Programs[0].Pid], prog: &plan.Programs[0]}}
	barrier := make([]bool, plan.Barriers)
	ready, wanted := 0, 0
	for _, p := range plan.Programs {
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == Ready }) {
			wanted++
		}
	}
	atReady := map[*task]bool{}
	started := 1
	// One task may be slower than all others.
	var slow *task
	for {
		var can []*task
		for _, t := range tasks {
			if t.pc == len(t.prog.Steps) {
				continue
			}
			switch s := t.prog.Steps[t.pc]; s.Op {
			case Wait:
				if !barrier[s.Barrier] {
					continue
				}
			case Reap, Await:
				done, err := k.reap(t.proc, s.Pid)
				if err != nil {
					return k, err
				}
				if !done {
					continue
				}
			case Ready:
				if atReady[t] && ready < wanted {
					continue
				}
			}
			can = append(can, t)
		}
		if len(can) == 0 {
			break
		}
		t := can[rnd.IntN(len(can))]
		if t == slow && rnd.IntN(20) > 0 {
			continue
		}
		if rnd.IntN(10) == 0 {
			slow = tasks[rnd.IntN(len(tasks))]
		}
		s := t.prog.Steps[t.pc]
		t.pc++
		var err error
		switch s.Op {
		case Clone:
			if err = k.clone(t.proc, s.Pid, false); err == nil {
				tasks = append(tasks, &task{proc: k.procs[s.Pid], prog: &plan.Programs[s.Program]})
				started++
			}
		case Setsid:
			err = k.setsid(t.proc)
		case Setpgid:
			err = k.setpgid(t.proc, s.Pid, s.Pgid)
		case Subreaper:
			t.proc.subreaper = s.On
		case Signal:
			if barrier[s.Barrier] {
				err = fmt.Errorf("barrier %d signalled twice", s.Barrier)
			}
			barrier[s.Barrier] = true
		case Exit:
			k.exit(t.proc, s.Status)
			if t.pc != len(t.prog.Steps) {
				err = fmt.Errorf("%d: steps after exit", t.proc.pid)
			}
		case Reap:
			delete(k.procs, s.Pid)
		case Ready:
			if !atReady[t] {
				atReady[t] = true
				ready++
				t.pc--
			}
		}
		if err != nil {
			return k, err
		}
	}
	for _, t := range tasks {
		if t.pc != len(t.prog.Steps) {
			return k, fmt.Errorf("%d hangs at %v", t.proc.pid, t.prog.Steps[t.pc])
		}
	}
	if started != len(plan.Programs) {
		return k, fmt.Errorf("%d programs, %d started", len(plan.Programs), started)
	}
	return k, nil
}
