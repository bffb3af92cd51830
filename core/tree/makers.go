package tree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// solve finds each task's maker: the task that clones it, directly or through a helper.
//
// A task's recorded parent must be among its makers (itself, its maker, the maker's maker, ...), and so must the leader of the
// session it is born in; its maker is in that session when it clones. A leader's birth session is open: a parent that leads
// another session than its child's was either born in the child's session (lift), or is a maker of that session's leader.
//
// Which of two ways is right may show only later. The first attempt goes the likelier way everywhere, and of random trees one
// in 5,000 is still without makers then; the next attempts toss a coin.
func (f *forest) solve() error {
	var err error
	for f.attempt = range attempts {
		f.rnd = rand.New(rand.NewPCG(uint64(f.attempt), 0))
		if err = f.orderMakers(); err == nil {
			return nil
		}
		if e := (*Error)(nil); f.walked > maxWalk || errors.As(err, &e) && e.Kind == Contradictory {
			return err
		}
		f.undo(0)
	}
	return err
}

const (
	attempts = 100
	// maxWalk bounds the tasks looked at in all attempts: the ways to try grow with a power of the leaders in a contrived tree.
	maxWalk = 20_000_000
)

// swap says that of two ways the less likely one is to be tried first.
func (f *forest) swap() bool { return f.attempt > 0 && f.rnd.IntN(2) == 0 }

func (f *forest) orderMakers() error {
	var later []*node
	for _, n := range f.nodes {
		p := n.parent
		switch {
		case p == nil || n.leader() || p.in(n.born):
		case n.born == outside || f.descends(p, f.byPid[n.born]):
			// The leader made the parent, so the parent was born in its session.
			if !p.leader() || p.born != open {
				return contradiction(n.pid, "parent %d was never in session %d", p.pid, n.task.Sid)
			}
			if err := f.lift(p, n.born); err != nil {
				return f.tangled(n, err)
			}
		default:
			later = append(later, n)
		}
	}
	for _, n := range later {
		if err := f.place(n, n.parent); err != nil {
			return f.tangled(n, err)
		}
	}
	for again := true; again; {
		again = false
		for _, n := range f.nodes {
			changed, err := f.chain(n)
			if err != nil {
				return f.tangled(n, err)
			}
			again = again || changed
		}
	}
	for _, n := range f.nodes {
		if n == f.root {
			continue
		}
		n.maker = f.lowest(n)
		if n.born == open {
			f.bear(n, n.maker.sid)
		}
		if !n.maker.in(n.born) {
			return f.tangled(n, errRing)
		}
	}
	return nil
}

// bear has n born in session s.
func (f *forest) bear(n *node, s int) {
	f.trail = append(f.trail, func() { n.born = open })
	n.born = s
}

var (
	errRing = errors.New("each would have to make the other")
	errLong = errors.New("too many ways to try")
)

func (f *forest) tangled(n *node, err error) error {
	return &Error{Pid: n.pid, Kind: Tangled,
		Cause:  fmt.Sprintf("no order of clones found that puts it in session %d under its parent: %v", n.sid, err),
		Remedy: "end the task, or the tasks of its session, before the dump"}
}

// descends says that a is b's descendant by recorded parents.
func (f *forest) descends(a, b *node) bool {
	for a = a.parent; a != nil; a = a.parent {
		if a == b {
			return true
		}
	}
	return false
}

// above says that u is already bound to be among n's makers.
func (f *forest) above(u, n *node) bool {
	f.walk++
	stack := []*node{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		f.walked++
		for _, m := range n.needs {
			if m == u {
				return true
			}
			if m.mark != f.walk {
				m.mark = f.walk
				stack = append(stack, m)
			}
		}
	}
	return false
}

// need puts u among n's makers.
func (f *forest) need(n, u *node) error {
	if slices.Contains(n.needs, u) {
		return nil
	}
	if f.walked > maxWalk {
		return errLong
	}
	if n == u || f.above(n, u) {
		return errRing
	}
	was := n.needs
	f.trail = append(f.trail, func() { n.needs = was })
	n.needs = append(slices.Clip(was), u)
	return f.place(n, u)
}

// place sees to it that u, needed by n, can be above it given the session n is born in.
func (f *forest) place(n, u *node) error {
	if n.born == open || u.in(n.born) {
		return nil
	}
	lift := func() error {
		if !u.leader() || u.born != open {
			return errRing
		}
		return f.lift(u, n.born)
	}
	if n.born == outside {
		return lift()
	}
	raise := func() error {
		l := f.byPid[n.born]
		if err := f.need(n, l); err != nil {
			return err
		}
		return f.need(l, u)
	}
	return f.either(lift, raise)
}

// either tries one way and, if that fails, the other.
func (f *forest) either(a, b func() error) error {
	if f.swap() {
		a, b = b, a
	}
	mark := len(f.trail)
	if a() == nil {
		return nil
	}
	f.undo(mark)
	return b()
}

// lift has leader u born in session s.
func (f *forest) lift(u *node, s int) error {
	f.bear(u, s)
	if s != outside {
		if err := f.need(u, f.byPid[s]); err != nil {
			return err
		}
	}
	for _, w := range slices.Clone(u.needs) {
		if err := f.place(u, w); err != nil {
			return err
		}
	}
	return nil
}

func (f *forest) undo(mark int) {
	for len(f.trail) > mark {
		f.trail[len(f.trail)-1]()
		f.trail = f.trail[:len(f.trail)-1]
	}
}

// chain orders those needed by n, one above the other.
func (f *forest) chain(n *node) (changed bool, err error) {
	for i := 0; i < len(n.needs); i++ {
		for j := i + 1; j < len(n.needs); j++ {
			u, v := n.needs[i], n.needs[j]
			if f.walked > maxWalk {
				return false, errLong
			}
			if f.above(u, v) || f.above(v, u) {
				continue
			}
			err := f.either(func() error { return f.need(u, v) }, func() error { return f.need(v, u) })
			if err != nil {
				return false, err
			}
			changed = true
		}
	}
	return changed, nil
}

// lowest is the one of n.needs that has the others among its makers.
func (f *forest) lowest(n *node) *node {
	m := n.needs[0]
	for _, u := range n.needs[1:] {
		if f.above(m, u) {
			m = u
		}
	}
	return m
}
