package tree

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// ps reads rows of pid, ppid, pgid, sid.
func ps(rows ...[4]int) Input {
	in := Input{Root: rows[0][0], ShellJob: true, OutsidePgid: 90002}
	for _, r := range rows {
		in.Tasks = append(in.Tasks, Task{Pid: r[0], PPid: r[1], Pgid: r[2], Sid: r[3]})
	}
	return in
}

func (in Input) with(pid int, change func(*Task)) Input {
	for i := range in.Tasks {
		if in.Tasks[i].Pid == pid {
			change(&in.Tasks[i])
		}
	}
	return in
}

func zombie(t *Task)    { t.Zombie, t.Status = true, 7<<8 }
func subreaper(t *Task) { t.Subreaper = true }

func TestShapes(t *testing.T) {
	tests := []struct {
		name     string
		in       Input
		helpers  int
		barriers int
		want     string // the listing, where it is worth reading
	}{
		{name: "one task of a shell", in: ps([4]int{10, 1, 10, 5}), want: "10: setpgid(10, 10); ready;\n"},
		{name: "one task in a group of others", in: ps([4]int{10, 1, 9, 5}), want: "10: ready;\n"},
		{name: "daemon", in: ps([4]int{10, 1, 10, 10}), want: "10: setsid(); ready;\n"},
		{name: "container init", in: ps([4]int{1, 0, 0, 0}, [4]int{2, 1, 2, 0}), want: "1: clone3(set_tid=2); ready;\n2: setpgid(2, 2); ready;\n"},
		{
			name: "tree in one session",
			in:   ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 11, 10, 10}, [4]int{13, 10, 10, 10}),
			want: "10: setsid(); clone3(set_tid=11); clone3(set_tid=13); ready;\n" +
				"11: clone3(set_tid=12); ready;\n12: ready;\n13: ready;\n",
		},
		{
			name: "pipeline",
			in:   ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 12, 10}, [4]int{12, 10, 12, 10}, [4]int{13, 11, 12, 10}),
			want: "10: setsid(); clone3(set_tid=12); setpgid(12, 12); clone3(set_tid=11); ready;\n" +
				"12: setpgid(12, 12); ready;\n11: setpgid(11, 12); clone3(set_tid=13); ready;\n13: ready;\n",
		},
		{
			name: "pipeline whose leader is dead", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 12, 10}, [4]int{13, 10, 12, 10}),
			want: "10: setsid(); clone3(set_tid=12); setpgid(12, 12); clone3(set_tid=11); setpgid(11, 12); clone3(set_tid=13); " +
				"wait4(12); ready;\n12 helper: setpgid(12, 12); exit(0x0);\n11: setpgid(11, 12); ready;\n13: setpgid(13, 12); ready;\n",
		},
		{
			name: "child born before its parent's setsid", helpers: 0,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 11, 10, 10}),
			want: "10: setsid(); clone3(set_tid=11); ready;\n" +
				"11: clone3(set_tid=12); setsid(); ready;\n12: ready;\n",
		},
		{
			name: "daemonized under a subreaper", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{12, 10, 11, 11}).with(10, subreaper),
			want: "10: prctl(PR_SET_CHILD_SUBREAPER, 1); setsid(); clone3(set_tid=11); wait4(11); ready;\n" +
				"11 helper: setsid(); clone3(set_tid=12); exit(0x0);\n12: ready;\n",
		},
		{
			name: "the same, and the parent is a subreaper no more", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{12, 10, 11, 11}),
			want: "10: prctl(PR_SET_CHILD_SUBREAPER, 1); setsid(); clone3(set_tid=11); wait4(11); ready; prctl(PR_SET_CHILD_SUBREAPER, 0);\n" +
				"11 helper: setsid(); clone3(set_tid=12); exit(0x0);\n12: ready;\n",
		},
		{
			name: "orphan of a session whose leader lives", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 10, 11, 11}).with(10, subreaper),
			want: "10: prctl(PR_SET_CHILD_SUBREAPER, 1); setsid(); clone3(set_tid=11); ready;\n" +
				"11: setsid(); clone3(set_tid=300); wait4(300); ready;\n300 helper: clone3(set_tid=12); exit(0x0);\n12: ready;\n",
		},
		{
			name: "orphans on two levels", helpers: 2, barriers: 2,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 11, 13, 13}, [4]int{14, 10, 13, 13}),
		},
		{
			name: "zombie", in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}).with(11, zombie),
			want: "10: setsid(); clone3(set_tid=11); waitid(11, WNOWAIT); ready;\n11: exit(0x700);\n",
		},
		{
			name: "zombie that leads a session and its group", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 10, 11, 11}).with(11, zombie),
		},
		{
			name: "zombie of a dead leader's session", helpers: 1, barriers: 0,
			in: ps([4]int{10, 1, 10, 10}, [4]int{12, 10, 11, 11}).with(12, zombie),
			want: "10: prctl(PR_SET_CHILD_SUBREAPER, 1); setsid(); clone3(set_tid=11); wait4(11); waitid(12, WNOWAIT); ready; " +
				"prctl(PR_SET_CHILD_SUBREAPER, 0);\n11 helper: setsid(); clone3(set_tid=12); exit(0x0);\n12: exit(0x700);\n",
		},
		{
			name: "zombie in a dead leader's group", helpers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{12, 10, 11, 10}).with(12, zombie),
		},
		{
			name: "root in a child's group",
			in:   ps([4]int{10, 1, 11, 5}, [4]int{11, 10, 11, 5}),
			want: "10: clone3(set_tid=11); setpgid(11, 11); setpgid(10, 11); ready;\n11: setpgid(11, 11); ready;\n",
		},
		{
			name: "leader that left its group", barriers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 11, 11, 10}, [4]int{13, 10, 11, 10}),
		},
		{
			name: "group led by a nephew", barriers: 1,
			in: ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 11, 12, 10}, [4]int{13, 10, 12, 10}),
		},
		{
			name: "leaders and members in turns",
			// An own tree with what session01 of CRIU's tests is about: births before and after setsid, dead parents, groups.
			in: ps([4]int{2, 1, 2, 2}, [4]int{4, 2, 4, 4}, [4]int{15, 4, 15, 4}, [4]int{16, 4, 15, 4}, [4]int{18, 4, 17, 4},
				[4]int{5, 2, 2, 2}, [4]int{8, 2, 8, 8}, [4]int{9, 8, 2, 2}, [4]int{10, 2, 10, 10}, [4]int{11, 10, 11, 11},
				[4]int{12, 11, 2, 2}, [4]int{3, 2, 2, 2}, [4]int{14, 2, 6, 6}).with(2, subreaper),
			helpers: 2,
		},
		{
			name: "a subreaper below an heir", helpers: 3, barriers: 3,
			// What session02 of CRIU's tests ends in.
			in: ps([4]int{5, 1, 5, 5}, [4]int{6, 5, 6, 6}, [4]int{8, 6, 7, 7}, [4]int{15, 6, 12, 12}, [4]int{10, 5, 10, 10},
				[4]int{11, 10, 7, 7}, [4]int{13, 5, 12, 12}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := prove(t, tt.in, 1, 200)
			if tt.want != "" {
				require.Equal(t, tt.want, listing(plan))
			}
			require.Equal(t, tt.helpers, len(plan.Programs)-len(tt.in.Tasks), listing(plan))
			require.Equal(t, tt.barriers, plan.Barriers, listing(plan))
		})
	}
}

func TestRefused(t *testing.T) {
	outside := ps([4]int{10, 1, 10, 5})
	outside.ShellJob = false
	outsideGroup := ps([4]int{10, 1, 9, 0})
	outsideGroup.ShellJob = false
	unnumbered := ps([4]int{10, 1, 9, 5}, [4]int{11, 10, 11, 5}, [4]int{12, 11, 9, 5})
	unnumbered.OutsidePgid = 0
	noSpare := ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 10, 11, 11})
	noSpare.Spare = func() int { return 0 }
	tests := []struct {
		name string
		in   Input
		pid  int
		kind Kind
	}{
		{"no tasks", Input{Root: 3}, 3, Contradictory},
		{"pid 0", ps([4]int{10, 1, 10, 10}, [4]int{0, 10, 10, 10}), 0, Contradictory},
		{"pid twice", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{11, 10, 10, 10}), 11, Contradictory},
		{"parent is missing", ps([4]int{10, 1, 10, 10}, [4]int{11, 12, 10, 10}), 11, Contradictory},
		{"ring", ps([4]int{10, 1, 10, 10}, [4]int{11, 12, 10, 10}, [4]int{12, 11, 10, 10}), 11, Contradictory},
		{"tid is a pid", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}).with(11, func(t *Task) { t.Threads = []int{11, 10} }), 11, Contradictory},
		{"tid is a dead leader", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 12, 12}).with(10, func(t *Task) { t.Threads = []int{10, 12} }), 11, Contradictory},
		{"tid leads a group", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 12, 10}).with(10, func(t *Task) { t.Threads = []int{12} }), 11, Contradictory},
		{"zombie with a thread", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}).with(11, func(t *Task) { t.Zombie, t.Threads = true, []int{11, 12} }), 11, ZombieThreads},
		{"zombie with a child", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 11, 10, 10}).with(11, zombie), 11, Contradictory},
		{"root is a zombie", ps([4]int{10, 1, 10, 10}).with(10, zombie), 10, Contradictory},
		{"session leader in a group", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 11}), 11, Contradictory},
		{"session of no leader", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 10, 10}, [4]int{12, 10, 12, 11}), 12, Contradictory},
		{"group in two sessions", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 11, 10, 11}), 12, Contradictory},
		{"parent never in the session", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 11, 11, 11}, [4]int{13, 12, 10, 10}), 13, Contradictory},
		{"root led by a descendant", ps([4]int{10, 1, 11, 11}, [4]int{11, 10, 11, 11}), 10, Contradictory},
		{"session 0 below", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 0}), 11, Contradictory},
		{"session led from outside", outside, 10, Outside},
		{"group led from outside", outsideGroup, 10, Outside},
		{"group without a number", unnumbered, 12, Outside},
		{"no pid for a helper", noSpare, 12, NoSpare},
		{"leaders swapped", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 12, 10}, [4]int{12, 10, 11, 10}), 11, Swapped},
		{"sessions above one another", ps([4]int{10, 1, 10, 10}, [4]int{11, 10, 11, 11}, [4]int{12, 11, 12, 12}, [4]int{13, 11, 14, 14},
			[4]int{14, 12, 14, 14}, [4]int{15, 14, 12, 12}, [4]int{16, 13, 12, 12}), 16, Tangled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := New(tt.in)
			var e *Error
			require.True(t, errors.As(err, &e), "%v", plan)
			require.Equal(t, tt.kind, e.Kind, e.Error())
			require.Equal(t, tt.pid, e.Pid, e.Error())
		})
	}
}

// A plan that is given must be right even for a tree that no kernel has had.
func FuzzNew(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 1, 2, 2, 1, 3, 3, 0}, uint64(1))
	for seed := range uint64(20) {
		in := history(rand.New(rand.NewPCG(seed, 3)), 40)
		raw := []byte{1}
		for _, t := range in.Tasks {
			flags := byte(0)
			if t.Zombie {
				flags |= 1
			}
			if t.Subreaper {
				flags |= 2
			}
			for _, v := range []int{t.Pid, t.PPid, t.Pgid, t.Sid} {
				raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
			}
			raw = append(raw, flags)
		}
		f.Add(raw, seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		if len(raw) == 0 {
			return
		}
		in := Input{Root: 100, ShellJob: raw[0]&1 != 0, OutsidePgid: 90002}
		for raw = raw[1:]; len(raw) >= 9 && len(in.Tasks) < 60; raw = raw[9:] {
			at := func(i int) int { return int(binary.LittleEndian.Uint16(raw[i:])) }
			in.Tasks = append(in.Tasks, Task{Pid: at(0), PPid: at(2), Pgid: at(4), Sid: at(6), Zombie: raw[8]&1 != 0, Subreaper: raw[8]&3 == 2})
			if raw[8]&4 != 0 {
				in.Tasks[len(in.Tasks)-1].Threads = []int{at(0), at(0) + 1}
			}
		}
		plan, err := New(in)
		if err != nil {
			require.ErrorAs(t, err, new(*Error))
			return
		}
		k, err := run(plan, in, rand.New(rand.NewPCG(seed, 0)))
		require.NoError(t, err, listing(plan))
		require.Equal(t, want(in), got(k), listing(plan))
	})
}

// BenchmarkShell is what most restores pay: a few hundred tasks in one session.
func BenchmarkShell(b *testing.B) {
	in := ps([4]int{1000, 1, 1000, 1000})
	for i := 1; i < 200; i++ {
		in.Tasks = append(in.Tasks, Task{Pid: 1000 + i, PPid: 1000 + i/4, Pgid: 1000, Sid: 1000})
	}
	for b.Loop() {
		if _, err := New(in); err != nil {
			b.Fatal(err)
		}
	}
}
