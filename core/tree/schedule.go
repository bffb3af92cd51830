package tree

import (
	"fmt"
	"slices"
)

// program is a Program in the making.
type program struct {
	node  *node
	index int
	steps []*step
}

type step struct {
	Step
	prog  *program
	child *program // of Clone, Reap, Await
	// signal is the step right after this one that tells others that it is done.
	signal *step
}

func (p *program) add(s Step) *step {
	st := &step{Step: s, prog: p}
	p.steps = append(p.steps, st)
	return st
}

func (p *program) insert(at int, s Step) *step {
	st := &step{Step: s, prog: p}
	p.steps = slices.Insert(p.steps, at, st)
	return st
}

// edge says that one step must be done before another begins.
type edge struct{ from, to *step }

// schedule writes the programs in the order of one legal run in which no two steps overlap: clones, process groups, exits of
// helpers, exits of zombies. What that order owes to nothing but itself is left out of the result: steps of two programs are
// held apart by a barrier only where an edge asks for it and nothing else sees to it.
type schedule struct {
	*forest
	progs []*program
	edges []edge
	reaps map[*node]*step
	plan  Plan
}

func (f *forest) schedule() (*Plan, error) {
	s := &schedule{forest: f, reaps: map[*node]*step{}}
	if err := s.create(f.root); err != nil {
		return nil, err
	}
	if err := s.joinLate(); err != nil {
		return nil, err
	}
	if err := s.leave(); err != nil {
		return nil, err
	}
	s.exitHelpers()
	s.keepGroups()
	s.finish()
	s.addBarriers()
	return s.emit(), nil
}

func (s *schedule) after(from, to *step) { s.edges = append(s.edges, edge{from, to}) }

// create writes n's program as far as clones and the process groups that are there by then.
func (s *schedule) create(n *node) error {
	p := &program{node: n, index: len(s.progs)}
	n.prog = p
	s.progs = append(s.progs, p)
	if n.adopting {
		p.add(Step{Op: Subreaper, On: true})
	}
	if n.founder(s.forest) {
		n.founded = p.add(Step{Op: Setpgid, Pid: n.pid, Pgid: n.pid})
		n.group = n.pid
	}
	if err := s.joinEarly(n); err != nil {
		return err
	}
	for _, k := range n.kids {
		if !n.leader() || k.born != n.pid {
			if err := s.clone(n, k); err != nil {
				return err
			}
		}
	}
	if !n.leader() {
		return nil
	}
	n.founded = p.add(Step{Op: Setsid})
	n.group = n.pid
	for _, k := range n.kids {
		if k.born == n.pid {
			if err := s.clone(n, k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *schedule) clone(n, k *node) error {
	k.made = n.prog.add(Step{Op: Clone, Pid: k.pid})
	k.group = n.group
	if err := s.joinEarly(n); err != nil {
		return err
	}
	if err := s.create(k); err != nil {
		return err
	}
	k.made.child = k.prog
	return nil
}

// makes says that m is n or among its makers.
func makes(m, n *node) bool {
	for n != nil && n.depth > m.depth {
		n = n.maker
	}
	return n == m
}

// joinEarly puts n in its process group if that exists by now whatever the others do, so that its children are born there.
func (s *schedule) joinEarly(n *node) error {
	if n.helper() || n.leader() || n.moves(s.forest) || n.group == n.pgid {
		return nil
	}
	if n.pgid != outside {
		g := s.byPid[n.pgid]
		switch {
		case g.made == nil && g != s.root:
			return nil
		case makes(g, n):
		case makes(g.maker, n) && !g.moves(s.forest):
			s.found(g)
		default:
			return nil
		}
	}
	n.group = n.pgid
	return s.join(n)
}

// join writes the step that puts n in the process group it ends in.
func (s *schedule) join(n *node) error {
	id := n.pgid
	if id == outside {
		if id = s.in.OutsidePgid; id == 0 {
			return &Error{Pid: n.pid, Kind: Outside, Cause: "its process group is led from outside the tree and has no number here",
				Remedy: "restore in the pid namespace of the group, or end the task before the dump"}
		}
	}
	n.joined = n.prog.add(Step{Op: Setpgid, Pid: n.pid, Pgid: id})
	return nil
}

// found has g's maker make the group too, as shells do: what it does next need not wait for g.
func (s *schedule) found(g *node) {
	p := g.maker.prog
	at := slices.Index(p.steps, g.made) + 1
	again := Step{Op: Setpgid, Pid: g.pid, Pgid: g.pid}
	if at == len(p.steps) || p.steps[at].Step != again {
		p.insert(at, again)
	}
}

// joinLate puts tasks in groups that they have to wait for.
func (s *schedule) joinLate() error {
	for _, n := range s.nodes {
		if n.helper() || n.leader() || n.moves(s.forest) || n.group == n.pgid {
			continue
		}
		if err := s.join(n); err != nil {
			return err
		}
		s.after(s.byPid[n.pgid].founded, n.joined)
	}
	return nil
}

// leave takes those who lead a group but are in another one there, after somebody else is in theirs.
func (s *schedule) leave() error {
	staying := map[*node]bool{}
	var left []*node
	for _, n := range s.nodes {
		if n.moves(s.forest) {
			left = append(left, n)
			staying[n] = true
		}
	}
	for len(left) > 0 {
		var blocked []*node
		for _, n := range left {
			w := s.keeper(n, staying)
			if w == nil {
				blocked = append(blocked, n)
				continue
			}
			delete(staying, n)
			if err := s.join(n); err != nil {
				return err
			}
			if n.pgid != outside {
				s.after(s.byPid[n.pgid].founded, n.joined)
			}
			s.after(entered(w), n.joined)
		}
		if len(blocked) == len(left) {
			return &Error{Pid: left[0].pid, Kind: Swapped,
				Cause:  fmt.Sprintf("it leads a process group but is in %d, and so are all who could keep its group", left[0].pgid),
				Remedy: "end the task before the dump"}
		}
		left = blocked
	}
	return nil
}

// keeper is the member of g's group that is cheapest to wait for, so that the group outlives g's being in it.
func (s *schedule) keeper(g *node, staying map[*node]bool) *node {
	var best *node
	cost := 4
	for _, n := range s.groups[g.pid].members {
		c := 3
		switch {
		case n == g || staying[n]:
			continue
		case n.joined == nil && n.maker == g:
			c = 0
		case s.besides(n, g):
			c = 1
		case n.joined == nil:
			c = 2
		}
		if c < cost {
			best, cost = n, c
		}
	}
	return best
}

// besides says that n joined the group of g as soon as it was made, after g and by the same task, which can then join n itself.
func (s *schedule) besides(n, g *node) bool {
	return n.maker == g.maker && !n.moves(s.forest) && n.joined != nil && slices.Index(n.prog.steps, n.joined) <= 1
}

// entered is the step by which n came into its group.
func entered(n *node) *step {
	if n.joined != nil {
		return n.joined
	}
	return n.made
}

// keepGroups lets the helpers that lead groups be reaped only when others are in these.
func (s *schedule) keepGroups() {
	for _, g := range s.nodes {
		if !g.helper() || s.groups[g.pid] == nil {
			continue
		}
		n := s.keeper(g, nil)
		switch {
		case n == nil: // a session leader's: its tasks are in other groups
		case s.besides(n, g):
			p := n.maker.prog
			p.insert(slices.Index(p.steps, n.made)+1, n.joined.Step)
		default:
			s.after(entered(n), s.reaps[g])
		}
	}
}

// exitHelpers ends the helpers in the order of the tasks that inherit their children, deepest first, so that no child stops
// short of its parent at a subreaper on the way.
func (s *schedule) exitHelpers() {
	var all []*node
	for _, n := range s.nodes {
		if n.helper() {
			all = append(all, n)
		}
	}
	far := func(n *node) int {
		if n.target == nil {
			return len(s.nodes)
		}
		return n.target.depth
	}
	slices.SortFunc(all, func(a, b *node) int {
		if d := far(b) - far(a); d != 0 {
			return d
		}
		if a.target != b.target {
			return a.target.pid - b.target.pid
		}
		if d := b.depth - a.depth; d != 0 {
			return d
		}
		return a.pid - b.pid
	})
	off := map[*node]*step{}
	passed := map[*node]bool{}
	for _, h := range all {
		for v := h.maker; h.target != nil && v != h.target; v = v.maker {
			passed[v] = passed[v] || v.adopting
		}
	}
	for i, h := range all {
		exit := h.prog.add(Step{Op: Exit})
		for v := h.maker; h.target != nil && v != h.target; v = v.maker {
			if off[v] != nil {
				s.after(off[v], exit)
			}
		}
		s.reaps[h] = h.maker.prog.add(Step{Op: Reap, Pid: h.pid})
		s.reaps[h].child = h.prog
		t := h.target
		if t == nil || !passed[t] || i+1 < len(all) && all[i+1].target == t {
			continue
		}
		off[t] = t.prog.add(Step{Op: Subreaper})
		for _, k := range all[:i+1] {
			if k.target == t {
				s.after(s.reaps[k], off[t])
			}
		}
		t.adopting = false
	}
}

// finish ends zombies, and lets the others wait for these and for one another.
func (s *schedule) finish() {
	for _, n := range s.nodes {
		if n.helper() || !n.task.Zombie {
			continue
		}
		n.prog.add(Step{Op: Exit, Status: n.task.Status})
		await := n.parent.prog.add(Step{Op: Await, Pid: n.pid})
		await.child = n.prog
		if n.maker != n.parent {
			s.after(s.reaps[n.maker], await)
		}
	}
	for _, n := range s.nodes {
		if n.helper() || n.task.Zombie {
			continue
		}
		n.prog.add(Step{Op: Ready})
		if n.adopting != n.task.Subreaper {
			n.prog.add(Step{Op: Subreaper, On: n.task.Subreaper})
		}
	}
}
