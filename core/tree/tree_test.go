package tree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// outsideSid is the session in which the model restores.
const outsideSid = 90001

// want is the tree that in describes, as it looks where it is restored.
func want(in Input) map[int]Task {
	all := map[int]Task{}
	byPid := map[int]bool{}
	var root Task
	for _, t := range in.Tasks {
		byPid[t.Pid] = true
		if t.Pid == in.Root {
			root = t
		}
	}
	for _, t := range in.Tasks {
		if t.Pid == in.Root {
			t.PPid = 0
		}
		if root.Sid != root.Pid && t.Sid == root.Sid {
			t.Sid = outsideSid
		}
		if root.Pgid != root.Pid && !byPid[root.Pgid] && t.Pgid == root.Pgid {
			t.Pgid = in.OutsidePgid
		}
		t.Threads = nil
		all[t.Pid] = t
	}
	return all
}

func got(k *kernel) map[int]Task {
	all := map[int]Task{}
	for _, t := range k.input(0).Tasks {
		all[t.Pid] = t
	}
	return all
}

func listing(p *Plan) string {
	var b strings.Builder
	for _, p := range p.Programs {
		kind := ""
		if p.Helper {
			kind = " helper"
		}
		fmt.Fprintf(&b, "%d%s:", p.Pid, kind)
		for _, s := range p.Steps {
			fmt.Fprintf(&b, " %v;", s)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func prove(t *testing.T, in Input, seed uint64, times int) *Plan {
	t.Helper()
	plan, err := New(in)
	require.NoError(t, err, "%+v", in.Tasks)
	again, err := New(in)
	require.NoError(t, err)
	require.Equal(t, plan, again)
	for i := range times {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		k, err := run(plan, in, rnd)
		require.NoError(t, err, "%+v\n%s", in.Tasks, listing(plan))
		require.Equal(t, want(in), got(k), "%+v\n%s", in.Tasks, listing(plan))
	}
	return plan
}

// history lets a model kernel do n random things and returns the tree that is there then.
func history(rnd *rand.Rand, n int) Input {
	const root = 100
	next := root
	pid := func(k *kernel) int {
		for {
			// Numbers are used again as soon as the kernel lets them.
			next = root + 1 + rnd.IntN(2*n)
			if !k.inUse(next) {
				return next
			}
		}
	}
	k := newKernel(root, 90, 91)
	if rnd.IntN(2) == 0 {
		k.procs[root].subreaper = true
	}
	if rnd.IntN(2) == 0 {
		_ = k.setsid(k.procs[root])
	}
	weights := [8]int{}
	for i := range weights {
		weights[i] = 1 + rnd.IntN(6)
	}
	sum := 0
	for _, w := range weights {
		sum += w
	}
	for range n {
		pids := k.pids()
		p := k.procs[pids[rnd.IntN(len(pids))]]
		op, r := 0, rnd.IntN(sum)
		for r >= weights[op] {
			r -= weights[op]
			op++
		}
		if p.zombie {
			if p.parent != nil && rnd.IntN(2) == 0 {
				delete(k.procs, p.pid)
			}
			continue
		}
		switch op {
		case 0, 1:
			_ = k.clone(p, pid(k), false)
		case 2:
			if p.parent != nil {
				_ = k.clone(p, pid(k), true)
			}
		case 3:
			_ = k.setsid(p)
		case 4:
			_ = k.setpgid(p, p.pid, p.pid)
		case 5:
			other := k.procs[pids[rnd.IntN(len(pids))]]
			_ = k.setpgid(p, p.pid, other.pgid)
		case 6:
			p.subreaper = !p.subreaper
		case 7:
			if p.pid != root {
				k.exit(p, rnd.IntN(256)<<8)
			}
		}
		// What has no ancestor in the tree any more has left it.
		for _, pid := range k.pids() {
			q := k.procs[pid]
			for q.parent != nil {
				q = q.parent
			}
			if q.pid != root {
				delete(k.procs, pid)
			}
		}
	}
	in := k.input(root)
	in.ShellJob, in.OutsidePgid = true, 90002
	rnd.Shuffle(len(in.Tasks), func(i, j int) { in.Tasks[i], in.Tasks[j] = in.Tasks[j], in.Tasks[i] })
	return in
}

func TestRandomHistories(t *testing.T) {
	const trees = 4000
	refused := map[Kind]int{}
	tasks, helpers, barriers := 0, 0, 0
	for seed := range uint64(trees) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		in := history(rnd, 10+rnd.IntN(150))
		_, err := New(in)
		var e *Error
		if errors.As(err, &e) {
			refused[e.Kind]++
			if e.Kind != Tangled && e.Kind != Swapped {
				t.Errorf("seed %d: %v\n%+v", seed, err, in.Tasks)
			}
			continue
		}
		plan := prove(t, in, seed, 5)
		tasks += len(in.Tasks)
		helpers += len(plan.Programs) - len(in.Tasks)
		barriers += plan.Barriers
	}
	t.Logf("%d trees, %d tasks, %d helpers, %d barriers; refused: %v", trees, tasks, helpers, barriers, refused)
	require.Less(t, refused[Tangled]+refused[Swapped], trees/100)
}
