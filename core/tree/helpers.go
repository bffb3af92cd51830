package tree

import "slices"

// addHelpers adds the helpers that makers call for: leaders of dead process groups, and those whose exit hands a task to its
// recorded parent.
func (f *forest) addHelpers() error {
	for _, n := range f.nodes {
		depth(n)
	}
	for _, g := range f.order {
		if g.id != outside && f.byPid[g.id] == nil {
			m := f.meet(g)
			f.addHelper(&node{pid: g.id, sid: g.sid, pgid: g.id, born: g.sid, maker: m, depth: m.depth + 1})
		}
	}
	f.link()
	if err := f.addOrphanages(); err != nil {
		return err
	}
	f.link()
	return nil
}

// depth counts a task's makers.
func depth(n *node) int {
	if n.maker != nil && n.depth == 0 {
		n.depth = depth(n.maker) + 1
	}
	return n.depth
}

// meet is the lowest task that makes every member of g, directly or not, without being one. If it makes the leader first, the
// members that it makes itself need no barrier.
func (f *forest) meet(g *group) *node {
	var at *node
	for _, n := range g.members {
		m := n.maker
		if n == f.root {
			return n
		}
		if at == nil {
			at = m
		}
		for at != m {
			if at.depth >= m.depth {
				at = at.maker
			} else {
				m = m.maker
			}
		}
	}
	return at
}

// link lists every maker's kids: leaders of process groups first, so that who joins finds the group.
func (f *forest) link() {
	for _, n := range f.nodes {
		n.kids = n.kids[:0]
	}
	for _, n := range f.nodes {
		if n.maker != nil {
			n.maker.kids = append(n.maker.kids, n)
		}
	}
	rank := func(n *node) int {
		switch {
		case !n.founder(f):
			return 2
		case !n.helper():
			return 1
		}
		return 0
	}
	for _, n := range f.nodes {
		// else in the order of the image, which is that of the parent's list of children: wait(2) looks there in turn
		slices.SortStableFunc(n.kids, func(a, b *node) int { return rank(a) - rank(b) })
	}
}

// byDepth is the nodes, deepest first.
func (f *forest) byDepth() []*node {
	all := slices.Clone(f.nodes)
	slices.SortStableFunc(all, func(a, b *node) int { return b.depth - a.depth })
	return all
}

// addOrphanages sets what helper each task is orphaned by when its maker is not its recorded parent. A maker that is a helper
// orphans its children itself when it exits, if all go to one parent: the highest of those its children and its children's
// helpers need, since it exits last. Everyone else has an intermediate helper for each parent.
func (f *forest) addOrphanages() error {
	type key struct {
		maker, target *node
		born          int
	}
	extra := map[key]*node{}
	for _, m := range f.byDepth() {
		for _, k := range m.kids {
			t := k.parent
			if k.helper() {
				t = k.target
			}
			if m.helper() && t != nil && (m.target == nil || t.depth < m.target.depth) {
				m.target = t
			}
		}
		for _, k := range m.kids {
			if k.helper() || k.parent == m || m.helper() && k.parent == m.target {
				continue
			}
			id := key{m, k.parent, k.born}
			h := extra[id]
			if h == nil {
				pid, err := f.spare(k)
				if err != nil {
					return err
				}
				h = &node{pid: pid, sid: k.born, born: k.born, maker: m, depth: m.depth + 1, target: k.parent}
				extra[id] = h
				f.addHelper(h)
			}
			k.maker = h
		}
	}
	for _, n := range f.nodes {
		if n.target != nil {
			n.target.adopting = true
		}
	}
	// Makers were put in between.
	for _, n := range f.nodes {
		if n.maker != nil {
			n.depth = 0
		}
	}
	for _, n := range f.nodes {
		depth(n)
	}
	return nil
}

// spare is a PID that nothing in the image uses.
func (f *forest) spare(n *node) (int, error) {
	for {
		pid := f.in.Spare()
		if pid <= 0 {
			return 0, &Error{Pid: n.pid, Kind: NoSpare, Cause: "no pid left for the helper that orphans it",
				Remedy: "restore in a pid namespace of its own"}
		}
		if !f.used[pid] {
			return pid, nil
		}
	}
}
