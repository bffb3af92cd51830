// Package vdso holds tests only: of tasks that are dumped and restored with every kind of vDSO, by every way that a restore has.
package vdso

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// frog is a workload that is dumped and restored again and again.
type frog struct {
	*testenv.Workload
	t   testing.TB
	dir string
}

func start(t testing.TB, args ...string) *frog {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	return &frog{testenv.Bare(t, args...), t, t.TempDir()}
}

func (f *frog) dump(fault string) {
	f.t.Helper()
	_, err := core.Dump(f.t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, Fault: fault})
	require.NoError(f.t, err)
	f.Gone()
}

func (f *frog) restore(fault string) {
	f.t.Helper()
	_, err := core.Restore(f.t.Context(), host.Backend(), core.Options{ImagesDir: f.dir, RestoreDetached: true, Fault: fault})
	require.NoError(f.t, err)
}

func (f *frog) cycle(fault string) {
	f.t.Helper()
	f.dump("")
	f.restore(fault)
}

// area is a line of /proc/PID/maps.
type area struct {
	start, end uint64
	prot, name string
}

func (a area) String() string { return fmt.Sprintf("%x-%x %s %s", a.start, a.end, a.prot, a.name) }

func (a area) vdso() bool { return a.name == "[vdso]" || strings.HasPrefix(a.name, "[vvar") }

func (f *frog) areas() []area { return f.areasOf(f.PID) }

func (f *frog) areasOf(pid int) []area {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "maps"))
	require.NoError(f.t, err)
	var all []area
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		var a area
		_, err := fmt.Sscanf(w[0], "%x-%x", &a.start, &a.end)
		require.NoError(f.t, err)
		if a.prot = w[1]; len(w) > 5 {
			a.name = w[5]
		}
		all = append(all, a)
	}
	return all
}

// group is the kernel's vDSO among areas, and the rest.
func group(all []area) (group, rest []area) {
	for _, a := range all {
		if a.vdso() {
			group = append(group, a)
		} else {
			rest = append(rest, a)
		}
	}
	return group, rest
}

// proxied is what the areas are when those of the vDSO became plain memory: neighbours of one kind are one. What lies beside them stays as it
// is: two areas that look alike may be of two kinds.
func proxied(all []area) []area {
	var plain []area
	was := false
	for _, a := range all {
		n := len(plain) - 1
		if was && a.vdso() && plain[n].end == a.start && plain[n].prot == a.prot {
			plain[n].end = a.end
			continue
		}
		if was = a.vdso(); was {
			a.name = ""
		}
		plain = append(plain, a)
	}
	return plain
}

// TestProxied has a stack, and beside it a state of getrandom that the kernel may drop. In maps they look alike.
func TestProxied(t *testing.T) {
	stack, state := area{0x1000, 0x9000, "rw-p", ""}, area{0x9000, 0xa000, "rw-p", ""}
	data, clock, code := area{0xa000, 0xb000, "r--p", "[vvar]"}, area{0xb000, 0xc000, "r--p", "[vvar_vclock]"}, area{0xc000, 0xd000, "r-xp", "[vdso]"}
	require.Equal(t, []area{stack, state, {0xa000, 0xc000, "r--p", ""}, {0xc000, 0xd000, "r-xp", ""}},
		proxied([]area{stack, state, data, clock, code}))
}

// requireProxy compares the areas of a proxy with those before: the image's vDSO is plain memory, the kernel's is parked as one piece, with
// a mark, and there is nothing else.
func (f *frog) requireProxy(before []area) (parked []area) {
	f.t.Helper()
	parked, rest := group(f.areas())
	require.Equal(f.t, proxied(before), rest)
	was, _ := group(before)
	require.Len(f.t, parked, len(was))
	for i, a := range parked {
		require.Equal(f.t, was[i].name, a.name)
		require.Equal(f.t, was[i].end-was[i].start, a.end-a.start)
		require.Equal(f.t, was[i].start-was[0].start, a.start-parked[0].start)
	}
	mem, err := os.Open(filepath.Join("/proc", strconv.Itoa(f.PID), "mem"))
	require.NoError(f.t, err)
	defer mem.Close()
	mark := make([]byte, 8)
	_, err = mem.ReadAt(mark, int64(parked[len(parked)-1].start))
	require.NoError(f.t, err)
	require.Equal(f.t, "CRIUvDSO", string(mark))
	return parked
}

// What the workload does with its vDSO, as test/workload/bare numbers it.
var states = []string{"kept", "gone", "data only", "code only", "moved", "writable"}

func TestStates(t *testing.T) { testenv.Each(t, testStates) }

// check ends a workload whose tasks have done with their vDSO what states say. One that no signal can be sent to is left to the end of the test.
func (f *frog) check(states ...string) {
	if host.Backend().Native().VDSO.Returns && (slices.Contains(states, "gone") || slices.Contains(states, "data only")) {
		return
	}
	f.Check()
}

func testStates(t *testing.T) {
	for what, name := range states {
		for _, fault := range []string{"", "vdso:no-map"} {
			t.Run(name+" "+fault, func(t *testing.T) {
				f := start(t, "vdso", strconv.Itoa(what))
				before := f.areas()
				for range 2 {
					f.cycle(fault)
					require.Equal(t, before, f.areas())
				}
				f.check(name)
			})
		}
	}
}

func TestProxyStates(t *testing.T) { testenv.Each(t, testProxyStates) }

func testProxyStates(t *testing.T) {
	for what, name := range states {
		for _, fault := range []string{"vdso:trampolines", "vdso:trampolines,no-map", "vdso:trampolines,far"} {
			t.Run(name+" "+fault, func(t *testing.T) {
				f := start(t, "vdso", strconv.Itoa(what))
				before := f.areas()
				for range 2 {
					f.cycle(fault)
					switch name {
					case "gone", "data only": // there is nothing to jump from
						require.Equal(t, before, f.areas())
					case "code only":
						_, rest := group(f.areas())
						require.Equal(t, proxied(before), rest)
					default:
						f.requireProxy(before)
					}
				}
				f.cycle("")
				require.Equal(t, before, f.areas())
				f.check(name)
			})
		}
	}
}

// TestClosed: a task that may not touch its vDSO has it all the same, after it was a proxy too.
func TestClosed(t *testing.T) { testenv.Each(t, testClosed) }

func testClosed(t *testing.T) {
	f := start(t, "vdso", "7")
	before := f.areas()
	for _, fault := range []string{"", "vdso:trampolines", "vdso:trampolines,no-map", "vdso:trampolines,far", "vdso:no-map"} {
		f.cycle(fault)
		if strings.Contains(fault, "trampolines") {
			f.requireProxy(before)
			continue
		}
		require.Equal(t, before, f.areas(), fault)
	}
	f.check("gone")
}

// TestOther: a vDSO that is not for tasks of this kind cannot lead to the kernel's, so it is refused before anything is lost.
func TestOther(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		return
	}
	f := start(t, "vdso", "8")
	f.Untouched(func() {
		_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir})
		require.ErrorContains(t, err, "the vDSO of another ABI's tasks")
	})
	f.Check()
}

// TestFamilies has a child with another vDSO than its parent has, which makes it: it takes from its parent what that has, or what that left.
func TestFamilies(t *testing.T) { testenv.Each(t, testFamilies) }

func testFamilies(t *testing.T) {
	for what, parent := range states[:5] {
		for below, child := range states[:5] {
			t.Run(parent+" above "+child, func(t *testing.T) {
				f := start(t, "vdso", strconv.Itoa(what), strconv.Itoa(below+1))
				tasks := f.Tasks()
				require.Len(t, tasks, 2)
				sights := func() (all [][]area) {
					for _, pid := range tasks {
						all = append(all, f.areasOf(pid))
					}
					return all
				}
				before := sights()
				for _, fault := range []string{"", "vdso:no-map"} {
					f.cycle(fault)
					require.Equal(t, before, sights(), fault)
				}
				f.cycle("vdso:trampolines,no-map")
				f.cycle("vdso:trampolines")
				f.cycle("")
				require.Equal(t, before, sights())
				f.check(parent, child)
			})
		}
	}
}

// TestWritten: what a task has made of its vDSO stays, with the kernel's data beside it. The code is nothing that the kernel knows then.
func TestWritten(t *testing.T) {
	if host.Backend().Native().VDSO.Returns {
		testWrittenRefused(t)
		return
	}
	for _, fault := range []string{"", "vdso:no-map"} {
		f := start(t, "vdso", "6")
		before := f.areas()
		for i := range before {
			if before[i].name == "[vdso]" {
				before[i].name = ""
			}
		}
		for range 2 {
			f.cycle(fault)
			require.Equal(t, before, f.areas())
		}
		f.Check()
	}
	// On another kernel it is a proxy as any: the function that was replaced is replaced again, by what leads to the kernel's.
	f := start(t, "vdso", "6")
	for range 2 {
		f.cycle("vdso:trampolines")
		parked, _ := group(f.areas())
		require.NotEmpty(t, parked)
	}
}

// TestWrittenIa32: the kernel needs its own code there, for system calls and for handlers to return, so it is refused, and nothing changes.
func TestWrittenIa32(t *testing.T) { testenv.Foreign(t, testWrittenRefused) }

func testWrittenRefused(t *testing.T) {
	f := start(t, "vdso", "6")
	f.Untouched(func() {
		_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir})
		require.ErrorContains(t, err, "has written to its vDSO")
	})
	f.Check()
}

// TestGone takes functions from the kernel's vDSO: system calls stand for them.
func TestGone(t *testing.T) { testenv.Each(t, testGone) }

func testGone(t *testing.T) {
	testGoneOf(t, "clock_gettime", "gettimeofday", "clock_gettime,gone=gettimeofday")
	if runtime.GOARCH != "arm64" && runtime.GOARCH != "arm" { // which have no more
		testGoneOf(t, "time", "getcpu", "clock_gettime,gone=gettimeofday,gone=time")
	}
}

// TestGoneRandom is that for the one function that not all have.
func TestGoneRandom(t *testing.T) { testGoneOf(t, "getrandom") }

func testGoneOf(t *testing.T, functions ...string) {
	for _, gone := range functions {
		t.Run(gone, func(t *testing.T) {
			f := start(t, "clock", "1")
			before := f.areas()
			f.cycle("vdso:gone=" + gone)
			f.requireProxy(before)
			f.cycle("")
			require.Equal(t, before, f.areas())
			f.Check()
		})
	}
}

// TestWays looks at the programs of the ways that a restore has: what is forced is what is done, and what is left out is not.
func TestWays(t *testing.T) {
	f := start(t, "vdso", "0")
	f.dump("")
	const mapped, moved, trampolines, mark = "arch_prctl(8195, ", "mremap(", "# trampolines", "# mark"
	best, second := mapped, moved
	if host.Backend().Native().VDSO.MapCode == 0 {
		best, second = moved, mapped
	}
	for _, c := range []struct {
		fault   string
		has, no []string
	}{
		{"", []string{best}, []string{second, trampolines, mark}},
		{"vdso:no-map", []string{moved}, []string{mapped, trampolines, mark}},
		{"criu:133", []string{moved}, []string{mapped, trampolines, mark}},
		{"vdso:trampolines", []string{best, trampolines, mark}, []string{second}},
		{"criu:127", []string{best, trampolines, mark}, []string{second}},
		{"vdso:trampolines,no-map", []string{moved, trampolines, mark}, []string{mapped}},
	} {
		var text strings.Builder
		require.NoError(t, core.Plan(t.Context(), &text, host.Backend(), core.Options{ImagesDir: f.dir, Fault: c.fault}))
		for _, s := range c.has {
			require.Contains(t, text.String(), s, c.fault)
		}
		for _, s := range c.no {
			require.NotContains(t, text.String(), s, c.fault)
		}
	}
	f.restore("")
	f.Check()
}

// TestRandomWays takes one task through a random sequence of restores: after each its areas are those that are expected, and at the end
// those of the beginning.
func TestRandomWays(t *testing.T) { testenv.Each(t, testRandomWays) }

func testRandomWays(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	f := start(t, "clock", "2")
	before := f.areas()
	var parked []area
	for i := range 30 {
		var faults []string
		for _, name := range []string{"trampolines", "no-map", "far"} {
			if random.IntN(2) == 0 {
				faults = append(faults, name)
			}
		}
		fault := ""
		if len(faults) > 0 {
			fault = "vdso:" + strings.Join(faults, ",")
		}
		f.dump([]string{"", "vdso:hint", "vdso:no-pagemap"}[random.IntN(3)])
		f.restore(fault)
		if !slices.Contains(faults, "trampolines") {
			require.Equal(t, before, f.areas(), "cycle %d, %s", i, fault)
			continue
		}
		now := f.requireProxy(before)
		if parked != nil {
			require.Equal(t, parked, now, "the same hole is taken again")
		}
		parked = now
	}
	f.cycle("")
	require.Equal(t, before, f.areas())
	f.Check()
}

// TestNoSystemCalls: what goes through a trampoline is as quick as the kernel's own vDSO, which the first workload shows to make no system
// call here.
func TestNoSystemCalls(t *testing.T) { testenv.Each(t, testNoSystemCalls) }

func testNoSystemCalls(t *testing.T) {
	start(t, "quiet").Check()
	for _, fault := range []string{"", "vdso:trampolines", "vdso:trampolines,far", "vdso:trampolines,no-map"} {
		f := start(t, "quiet")
		f.cycle(fault)
		f.cycle(fault)
		f.Check()
	}
	// And the filter has teeth.
	f := start(t, "quiet")
	f.cycle("vdso:gone=clock_gettime")
	_ = f.Verify(t.Context())
	out, err := os.ReadFile(filepath.Join(f.Dir, "out"))
	require.NoError(t, err)
	require.NotContains(t, string(out), "PASS")
}

// TestTwoRestoresOfOneImage draw different numbers.
func TestTwoRestoresOfOneImage(t *testing.T) {
	f := start(t, "random")
	f.dump("")
	drawn := map[string]bool{}
	for _, fault := range []string{"", "", "vdso:trampolines", "vdso:trampolines", "vdso:gone=getrandom"} {
		out := filepath.Join(f.Dir, "out")
		require.NoError(t, os.Truncate(out, 0))
		f.restore(fault)
		f.Check()
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		line, _, _ := strings.Cut(string(text), "\n")
		if line == "no getrandom" {
			return
		}
		require.Len(t, line, 32)
		require.False(t, drawn[line], "%s: drawn before", line)
		drawn[line] = true
	}
}

// BenchmarkProxy is about a call of clock_gettime: the kernel's own, and through a trampoline.
func BenchmarkProxy(b *testing.B) {
	for _, fault := range []string{"", "vdso:trampolines", "vdso:trampolines,far"} {
		b.Run(fault, func(b *testing.B) {
			for b.Loop() {
				f := start(b, "pace")
				f.cycle(fault)
				f.Check()
				text, err := os.ReadFile(filepath.Join(f.Dir, "out"))
				require.NoError(b, err)
				_, rest, _ := strings.Cut(string(text), "ready\n")
				ps, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "PASS\n")))
				require.NoError(b, err)
				b.ReportMetric(float64(ps)/1000, "ns/call")
			}
		})
	}
}
