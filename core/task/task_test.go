package task

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

func filters(programs ...string) []Filter {
	var list []Filter
	for _, p := range programs {
		list = append(list, Filter{Program: []byte(p)})
	}
	return list
}

func threadsOf(chains ...[]Filter) (*Task, []*image.CoreEntry) {
	t := &Task{}
	var entries []*image.CoreEntry
	for _, c := range chains {
		th := &Thread{Task: t, Filters: c}
		if c != nil {
			th.Status.Seccomp = procfs.Some(seccompFilter)
		}
		t.Threads = append(t.Threads, th)
		entries = append(entries, &image.CoreEntry{ThreadCore: &image.ThreadCoreEntry{}})
	}
	return t, entries
}

func coresOf(t *Task, entries []*image.CoreEntry) map[*Thread]*image.CoreEntry {
	cores := map[*Thread]*image.CoreEntry{}
	for i, th := range t.Threads {
		cores[th] = entries[i]
	}
	return cores
}

func TestFiltersThatAllThreadsHaveAreTheLeadersToGive(t *testing.T) {
	var ft FilterTable
	same := filters("old00000", "new00000")
	task, entries := threadsOf(same, same, same)
	ft.Seccomp(task, coresOf(task, entries))
	require.Len(t, ft.Entries, 2)
	require.Equal(t, "old00000", string(ft.Entries[0].Filter))
	require.Nil(t, ft.Entries[0].Prev)
	require.Zero(t, *ft.Entries[1].Prev)
	for _, f := range ft.Entries {
		require.EqualValues(t, filterFlagTsync, *f.Flags)
	}
	require.EqualValues(t, 1, *entries[0].ThreadCore.SeccompFilter)
	require.Nil(t, entries[1].ThreadCore.SeccompMode)
	require.Nil(t, entries[2].ThreadCore.SeccompMode)
	require.Zero(t, same[0].Flags, "of the thread itself")
}

func TestFiltersOfThreadsShareTheirBeginning(t *testing.T) {
	var ft FilterTable
	task, entries := threadsOf(filters("common00"), filters("common00", "own-1000"), filters("common00", "own-2000"))
	ft.Seccomp(task, coresOf(task, entries))
	require.Len(t, ft.Entries, 3)
	plan, err := planSeccomp(nil, entries[:1], ft.Entries)
	require.NoError(t, err)
	require.Zero(t, plan.common, "a thread alone shares with nobody")
	for i, want := range [][]uint32{{0}, {0, 1}, {0, 2}} {
		got, err := chain(ft.Entries, *entries[i].ThreadCore.SeccompFilter)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestChainRefusesRings(t *testing.T) {
	one := uint32(0)
	_, err := chain([]*image.SeccompFilter{{Prev: &one}}, 0)
	require.ErrorContains(t, err, "filter 0: 1 are there")
	_, err = chain(nil, 3)
	require.ErrorContains(t, err, "filter 3: 0 are there")
}

func siginfo(sigs ...unix.Signal) (queue []byte) {
	for _, s := range sigs {
		info := make([]byte, linux.SiginfoSize)
		binary.LittleEndian.PutUint32(info, uint32(s))
		queue = append(queue, info...)
	}
	return queue
}

func TestSignalsOfQueue(t *testing.T) {
	require.Zero(t, signals(nil))
	require.Equal(t, uint64(1<<9|1<<33), signals(siginfo(10, 34, unix.SIGSTOP, 10)))
}

func TestStopSignal(t *testing.T) {
	stopped := func(signo unix.Signal, change func(*image.CoreEntry)) *image.CoreEntry {
		n := uint32(signo)
		c := &image.CoreEntry{Tc: &image.TaskCoreEntry{TaskState: image.TaskStopped, StopSigno: &n}}
		for range numSignals - 2 {
			c.Tc.Sigactions = append(c.Tc.Sigactions, &image.SaEntry{})
		}
		if change != nil {
			change(c)
		}
		return c
	}
	for name, c := range map[string]struct {
		core *image.CoreEntry
		want unix.Signal
	}{
		"by the terminal":          {stopped(unix.SIGTSTP, nil), unix.SIGTSTP},
		"by SIGSTOP":               {stopped(unix.SIGSTOP, nil), unix.SIGSTOP},
		"which it blocks now":      {stopped(unix.SIGTSTP, func(c *image.CoreEntry) { c.Tc.BlkSigset = 1 << (unix.SIGTSTP - 1) }), unix.SIGSTOP},
		"which has a handler now":  {stopped(unix.SIGTSTP, func(c *image.CoreEntry) { c.Tc.Sigactions[unix.SIGTSTP-3].Sigaction = 0x4000 }), unix.SIGSTOP},
		"by no signal of stopping": {stopped(unix.SIGTERM, nil), unix.SIGSTOP},
		"signo unknown":            {stopped(unix.SIGTERM, func(c *image.CoreEntry) { c.Tc.StopSigno = nil }), unix.SIGSTOP},
		"runs":                     {stopped(0, func(c *image.CoreEntry) { c.Tc.TaskState = image.TaskAlive }), 0},
		"runs, SIGSTOP on its way": {stopped(0, func(c *image.CoreEntry) {
			c.Tc.TaskState = image.TaskAlive
			c.Tc.SignalsS = queueEntry(&arch.ABI{}, siginfo(unix.SIGUSR1, unix.SIGSTOP))
		}), unix.SIGSTOP},
	} {
		require.Equal(t, c.want, StopSignal(c.core), name)
	}
}

func TestUnreachableLimits(t *testing.T) {
	r := Reviver{Creds: &image.CredsEntry{CapEff: []uint32{0, 0}}}
	c := &image.CoreEntry{Tc: &image.TaskCoreEntry{Rlimits: &image.TaskRlimitsEntry{}}}
	for i := range r.Limits {
		r.Limits[i] = unix.Rlimit{Cur: 5, Max: 10}
		c.Tc.Rlimits.Rlimits = append(c.Tc.Rlimits.Rlimits, &image.RlimitEntry{Cur: 10, Max: 10})
	}
	require.Empty(t, r.Unreachable(c), "a soft limit may rise to the hard one")
	c.Tc.Rlimits.Rlimits[unix.RLIMIT_NOFILE].Max = 11
	require.Equal(t, []string{"Max open files"}, r.Unreachable(c))
	r.Creds.CapEff[0] = 1 << unix.CAP_SYS_RESOURCE
	require.Empty(t, r.Unreachable(c))
}

func TestAreaAt(t *testing.T) {
	task := &Task{Areas: []procfs.Smap{{Map: procfs.Map{Start: 0x1000, End: 0x3000}}, {Map: procfs.Map{Start: 0x3000, End: 0x4000}}, {Map: procfs.Map{Start: 0x6000, End: 0x7000}}}}
	for addr, want := range map[uint64]int{0: -1, 0xfff: -1, 0x1000: 0, 0x2fff: 0, 0x3000: 1, 0x3fff: 1, 0x4000: -1, 0x6000: 2, 0x7000: -1, 1<<64 - 1: -1} {
		if want < 0 {
			require.Nil(t, task.areaAt(addr), "%#x", addr)
		} else {
			require.Same(t, &task.Areas[want], task.areaAt(addr), "%#x", addr)
		}
	}
}

// Credentials are the same only if all of them are.
func TestSameCreds(t *testing.T) {
	of := func() *image.CredsEntry { return CredsOf(&procfs.Status{CapPrm: 1 << 33, NoNewPrivs: true}, 0) }
	r := Reviver{Creds: of()}
	require.True(t, r.sameCreds(of()))
	none := of()
	none.Groups = []uint32{}
	require.True(t, r.sameCreds(none), "no groups, read from an image")
	kind := reflect.TypeFor[image.CredsEntry]()
	for i := range kind.NumField() {
		c := of()
		switch f := reflect.ValueOf(c).Elem().Field(i).Addr().Interface().(type) {
		case *uint32:
			*f = 1
		case *[]uint32:
			*f = []uint32{7, 7}
		case **uint32:
			*f = nil
		case **string:
			*f = new("profile")
		case *[]byte:
			*f = []byte{1}
		default:
			t.Fatalf("%s: %T", kind.Field(i).Name, f)
		}
		require.False(t, r.sameCreds(c), kind.Field(i).Name)
	}
}
