package tree

import "slices"

// addBarriers holds the steps of an edge apart, unless clones, exits and earlier barriers already do.
func (s *schedule) addBarriers() {
	signals := map[int]*step{}
	for _, e := range s.edges {
		if s.before(e.from, e.to, signals) {
			continue
		}
		if e.from.signal == nil {
			p := e.from.prog
			e.from.signal = p.insert(slices.Index(p.steps, e.from)+1, Step{Op: Signal, Barrier: s.plan.Barriers})
			signals[s.plan.Barriers] = e.from.signal
			s.plan.Barriers++
		}
		p := e.to.prog
		p.insert(slices.Index(p.steps, e.to), Step{Op: Wait, Barrier: e.from.signal.Barrier})
	}
}

// before says that a is done in every run when b begins; when b releases its helper, if it is a Reap. It walks back from b.
func (s *schedule) before(a, b *step, signals map[int]*step) bool {
	seen := map[*program]int{} // how many of the program's first steps are done by then
	type point struct {
		prog *program
		n    int
	}
	stack := []point{{b.prog, slices.Index(b.prog.steps, b)}}
	if b.Op == Reap {
		stack[0].n++
	}
	upTo := func(st *step) point { return point{st.prog, slices.Index(st.prog.steps, st) + 1} }
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		from, ok := seen[at.prog]
		if ok && from >= at.n {
			continue
		}
		seen[at.prog] = at.n
		if m := at.prog.node.made; !ok && m != nil {
			stack = append(stack, upTo(m))
		}
		for _, st := range at.prog.steps[from:at.n] {
			switch {
			case st == a:
				return true
			case st.Op == Wait:
				stack = append(stack, upTo(signals[st.Barrier]))
			case st.Op == Reap || st.Op == Await:
				stack = append(stack, point{st.child, len(st.child.steps)})
			}
		}
	}
	return false
}

func (s *schedule) emit() *Plan {
	for _, p := range s.progs {
		out := Program{Pid: p.node.pid, Helper: p.node.helper()}
		for _, st := range p.steps {
			if st.Op == Clone {
				st.Program = st.child.index
			}
			out.Steps = append(out.Steps, st.Step)
		}
		s.plan.Programs = append(s.plan.Programs, out)
	}
	return &s.plan
}
