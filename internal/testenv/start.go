package testenv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// limit is how long a workload may take for anything it is asked.
const limit = 3 * time.Minute

// bins is the directory of built workloads, which lives as long as the tests of a package.
var bins string

// Main runs the tests of a package that uses workloads: func TestMain(m *testing.M) { testenv.Main(m) }.
func Main(m *testing.M) {
	os.Exit(func() int {
		if status, done := ownPids(); done {
			return status
		}
		// Descriptors that whoever started the tests left open are no part of the workloads.
		if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			fmt.Fprintln(os.Stderr, "close_range:", err)
			return 1
		}
		dir, err := os.MkdirTemp("", "woodfrog-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		// Workloads may give up root.
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		bins = dir
		return m.Run()
	}())
}

// builders build workloads, once each.
type builders struct {
	bare, descriptors, goroutines, handler func() (workload.Bin, error)
}

func newBuilders(a workload.Arch) *builders {
	once := func(build func(context.Context, string) (workload.Bin, error)) func() (workload.Bin, error) {
		return sync.OnceValues(func() (workload.Bin, error) { return build(context.Background(), bins) })
	}
	return &builders{once(a.BuildBare), once(a.BuildDescriptors), once(a.BuildGoroutines), once(a.BuildHandler)}
}

// native and foreign build programs of this processor and 32-bit ones that its kernel runs too; built are those that tests start.
var (
	native, foreign = newBuilders(workload.Native), newBuilders(foreignArch[runtime.GOARCH])
	built           = native
)

var foreignArch = map[string]workload.Arch{"amd64": "386"}

// Each runs a test with the workloads of each ABI that the engine serves here.
func Each(t *testing.T, test func(t *testing.T)) {
	t.Run(runtime.GOARCH, test)
	Foreign(t, test)
}

// IsForeign says that the workloads are those of the other ABI.
func IsForeign() bool { return built == foreign }

// Foreign is Each without the native ones.
func Foreign(t *testing.T, test func(t *testing.T)) {
	if a, ok := foreignArch[runtime.GOARCH]; ok {
		built = foreign
		defer func() { built = native }()
		t.Run(string(a), test)
	}
}

// A Workload is a program that has said that it is ready. Its PID is the same before and after a restore.
type Workload struct {
	*workload.Process
	Dir string // where it runs and writes
	t   testing.TB
	bin string
	// seen are the tasks that were ever found, by start time: one that dies in a session of its own cannot be found any more, and still
	// has its PID.
	seen map[int]string
}

// BarePath is where the programs of test/workload/bare are, for native tasks and for those of the other ABI that the engine serves here; ""
// if there is none.
func BarePath(t testing.TB) (own, other string) {
	t.Helper()
	a, err := native.bare()
	if err != nil {
		t.Fatal(err)
	}
	if foreignArch[runtime.GOARCH] == "" {
		return string(a), ""
	}
	b, err := foreign.bare()
	if err != nil {
		t.Fatal(err)
	}
	return string(a), string(b)
}

// Bare starts a program of test/workload/bare. What is left of it is killed when the test ends.
func Bare(t testing.TB, args ...string) *Workload {
	t.Helper()
	return start(t, built.bare, args)
}

// Goroutines starts test/workload/goroutines, an ordinary Go program.
func Goroutines(t testing.TB, args ...string) *Workload {
	t.Helper()
	return start(t, built.goroutines, args)
}

// Handler starts test/workload/handler, an ordinary Go program with a thread in a handler of a signal.
func Handler(t testing.TB) *Workload {
	t.Helper()
	return start(t, built.handler, nil)
}

// Descriptors starts a program of test/workload/descriptors, ordinary Go programs with open files.
func Descriptors(t testing.TB, args ...string) *Workload {
	t.Helper()
	return start(t, built.descriptors, args)
}

// Program starts a program of this machine that keeps to the rules of a workload: it says "ready" and, on SIGTERM, PASS.
func Program(t testing.TB, name string, args ...string) *Workload {
	t.Helper()
	path := Path(t, name)
	return start(t, func() (workload.Bin, error) { return workload.Bin(path), nil }, args)
}

// Path is where a program of this machine is. One that is missing fails the test: go tool mage test installs what tests need.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("program %s: not found: install it (Debian: apt-get install %s)", name, packages[name])
	}
	return path
}

// packages are Debian's, of the programs that tests run.
var packages = map[string]string{"dash": "dash", "python3": "python3", "perl": "perl", "xz": "xz-utils", "setpriv": "util-linux"}

func start(t testing.TB, build func() (workload.Bin, error), args []string) *Workload {
	t.Helper()
	if bins == "" {
		t.Fatal("workloads are built in a directory of testenv.Main: call it in TestMain")
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dir := t.TempDir()
	p, err := bin.Start(ctx, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	w := &Workload{Process: p, Dir: dir, t: t, bin: string(bin), seen: make(map[int]string)}
	t.Cleanup(w.kill)
	w.settle()
	return w
}

// settle waits until all threads of the workload sleep: what has said that it is ready may be about to. One that has work never does; it is
// waited for until it has had a processor for a moment.
func (w *Workload) settle() {
	const moment = 3 // clock ticks
	_, first := busy(w.Tasks())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if runs, ticks := busy(w.Tasks()); !runs || ticks >= first+moment {
			return
		}
	}
}

// busy says whether any thread of these tasks runs or is about to, and how many clock ticks all have had (proc_pid_stat(5): state, utime, stime).
func busy(pids []int) (runs bool, ticks int) {
	for _, pid := range pids {
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, name := range stats {
			stat, _ := os.ReadFile(name)
			fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
			if len(fields) < 13 {
				continue // it has gone
			}
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			runs, ticks = runs || fields[0] == "R", ticks+user+system
		}
	}
	return runs, ticks
}

// Tasks lists the processes of the workload: all in its session, below its first one, or in its directory: orphans
// with a session of their own are known by that. Zombies count.
func (w *Workload) Tasks() []int {
	var pids []int
	all := processes(func(process) bool { return true })
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			ours := p.pid == w.PID || p.session == w.PID || slices.Contains(pids, p.ppid) || w.orphan(p)
			if ours && !slices.Contains(pids, p.pid) {
				pids = append(pids, p.pid)
				w.seen[p.pid] = p.start
				grown = true
			}
		}
	}
	for _, p := range all {
		if w.seen[p.pid] == p.start && !slices.Contains(pids, p.pid) {
			pids = append(pids, p.pid) // dead, in a session of its own, and its parent is gone
		}
	}
	return pids
}

// orphan tells whether p works in the workload's directory and has lost its parent to us or to init.
func (w *Workload) orphan(p process) bool {
	if p.ppid != os.Getpid() && p.ppid != 1 {
		return false
	}
	cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid))
	return cwd == w.Dir
}

// Gone waits until nothing of the workload is left and all its PIDs are free, as after a dump that kills.
func (w *Workload) Gone() {
	w.t.Helper()
	if left := w.awaitGone(); len(left) != 0 {
		w.t.Fatalf("workload %d: tasks %v are still there", w.PID, left)
	}
}

func (w *Workload) awaitGone() (left []int) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		w.Tasks()
		left = nil
		for pid, start := range w.seen {
			if p, ok := readProcess(pid); ok && p.start == start {
				left = append(left, pid)
			} else {
				delete(w.seen, pid)
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// Alive fails the test unless the workload's first task runs or sleeps: it is neither gone, nor stopped, nor traced.
func (w *Workload) Alive() {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		p, ok := readProcess(w.PID)
		if ok && (p.state == "R" || p.state == "S") && !traced(w.PID) {
			return
		}
		if !ok || p.state == "Z" || time.Now().After(end) { // D passes
			w.t.Fatalf("workload %d: does not run by itself: state %q", w.PID, p.state)
		}
	}
}

// Check asks the workload whether all is as it was, which ends it, and waits until it is gone.
func (w *Workload) Check() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := w.Verify(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.Gone()
}

// kill ends what is left of the workload. A task that is no child of ours is looked at again: its number may have been taken since.
func (w *Workload) kill() {
	for _, pid := range w.Tasks() {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if p, ok := readProcess(pid); ok && (exe == w.bin || p.ppid == os.Getpid()) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	if left := w.awaitGone(); len(left) != 0 {
		w.t.Errorf("workload %d: tasks %v survive SIGKILL", w.PID, left)
	}
}
