package procfs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzz runs a parser on the recordings and what grows out of them. check holds for all that parses.
func fuzz[T any](f *testing.F, name string, parse func([]byte) (T, error), check func(*testing.T, T)) {
	for _, b := range recordings(f, name) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parse(b)
		if err == nil && check != nil {
			check(t, v)
		}
	})
}

func FuzzMaps(f *testing.F) {
	fuzz(f, "maps", ParseMaps, func(t *testing.T, maps []Map) {
		for _, m := range maps {
			require.Less(t, m.Start, m.End)
			require.LessOrEqual(t, len(m.Path), len(m.Raw))
		}
	})
}

func FuzzSmaps(f *testing.F) {
	fuzz(f, "smaps", ParseSmaps, func(t *testing.T, maps []Smap) {
		for _, m := range maps {
			require.Equal(t, m.Flags, parseVmFlags([]byte(m.Flags.String())))
			require.Zero(t, m.Rss%1024)
		}
	})
}

func FuzzStat(f *testing.F) { fuzz(f, "stat", ParseStat, nil) }

func FuzzStatus(f *testing.F) {
	fuzz(f, "status", ParseStatus, func(t *testing.T, s Status) { require.NotZero(t, s.PID) })
}

func FuzzLimits(f *testing.F) { fuzz(f, "limits", ParseLimits, nil) }

func FuzzFdinfo(f *testing.F) {
	fuzz(f, "fdinfo", ParseFdinfo, func(t *testing.T, info Fdinfo) {
		if info.Timerfd != nil {
			require.Less(t, info.Timerfd.Value.Nsec, uint64(1e9))
		}
	})
}

func FuzzTimers(f *testing.F) {
	fuzz(f, "timers", ParseTimers, func(t *testing.T, timers []Timer) {
		for _, timer := range timers {
			require.Less(t, int(timer.Notify), len(notifyNames))
		}
	})
}

func FuzzMountinfo(f *testing.F) { fuzz(f, "mountinfo", ParseMountinfo, nil) }

func FuzzLocks(f *testing.F) {
	fuzz(f, "locks", ParseLocks, func(t *testing.T, locks []Lock) {
		for _, l := range locks {
			require.Contains(t, lockKinds, l.Kind.String())
			require.Contains(t, lockTypes, l.Type.String())
		}
	})
}

func FuzzCgroup(f *testing.F)   { fuzz(f, "cgroup", ParseCgroup, nil) }
func FuzzIDMap(f *testing.F)    { fuzz(f, "idmap", ParseIDMap, nil) }
func FuzzChildren(f *testing.F) { fuzz(f, "children", ParseChildren, nil) }

func FuzzSyscall(f *testing.F) {
	fuzz(f, "syscall", ParseSyscall, func(t *testing.T, s Syscall) {
		if s.Running || s.Nr == -1 {
			require.Zero(t, s.Args)
		}
	})
}

func FuzzStrings(f *testing.F) { fuzz(f, "strings", parseStrings, nil) }

func FuzzAuxv(f *testing.F) {
	for _, name := range []string{"auxv", "auxv32"} {
		for _, b := range recordings(f, name) {
			f.Add(b, 8)
			f.Add(b, 4)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, wordSize int) {
		auxv, err := ParseAuxv(b, wordSize)
		if err == nil {
			require.LessOrEqual(t, len(auxv)*2*wordSize, len(b))
		}
	})
}

func FuzzObjectLink(f *testing.F) {
	f.Add("mnt:[4026531841]")
	f.Add("anon_inode:[eventpoll]")
	f.Add("/a:[1]/b")
	f.Fuzz(func(t *testing.T, target string) {
		if kind, _, ok := ObjectLink(target); ok {
			require.NotEmpty(t, kind)
		}
	})
}
