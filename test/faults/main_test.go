// Package faults holds tests only: of what dumps and restores that fail, are cancelled or are killed leave behind. A dump
// leaves the tasks as they were, a restore leaves nothing.
//
// The ordinary tests take a sample of all places where something can go wrong; with WOODFROG_TEST_FAULTS=all, which is
// what go tool mage faults sets, they take every one.
package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
	"woodfrog/test/workload"
)

// TestMain makes the test binary an engine when it is asked to: some tests need one that they can kill.
func TestMain(m *testing.M) {
	if what := os.Getenv("BE_ENGINE"); what != "" {
		os.Exit(engine(what, os.Getenv("ENGINE_IMAGES")))
	}
	testenv.Main(m)
}

// engine does "dump PID", "end PID", which is a dump that ends the tasks, or "restore".
func engine(what, images string) int {
	o := core.Options{ImagesDir: images, RestoreDetached: true, LeaveRunning: true, Fault: os.Getenv("WOODFROG_FAULT")}
	var err error
	what, ends := strings.CutPrefix(what, "end ")
	if ends {
		what, o.LeaveRunning = "dump "+what, false
	}
	if pid, ok := strings.CutPrefix(what, "dump "); ok {
		var n int
		if n, err = strconv.Atoi(pid); err == nil {
			_, err = core.Dump(context.Background(), host.Backend(), n, o)
		}
	} else {
		_, err = core.Restore(context.Background(), host.Backend(), o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// every is how many places in a row the tests leave out, plus one.
func every(sample int) int {
	if os.Getenv("WOODFROG_TEST_FAULTS") == "all" {
		return 1
	}
	return sample
}

// A victim is a workload with a directory for its images.
type victim struct {
	*testenv.Workload
	t      *testing.T
	images string
	args   []string
	tasks  int      // how many there are
	kept   []string // see keeps
}

type program struct{ name, args string }

// interrupted is at most places about to have a signal handled.
var interrupted = program{"interrupted", "registers 300"}

// goroutines has threads and areas that come and go by themselves.
var goroutines = program{"goroutines", "goroutines"}

// victims are what is dumped, each with something of its own to lose.
var victims = []program{
	{"busy", "registers"},
	{"asleep", "sleep"},
	{"threads", "threads 3"},
	{"tree", "tree 2 1"},
	{"big", "memory 4"},
}

func start(t *testing.T, args string) *victim {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	t.Cleanup(reapOthers)
	v := &victim{t: t, images: t.TempDir(), args: strings.Fields(args)}
	if args == "goroutines" {
		v.Workload = testenv.Goroutines(t)
	} else {
		v.Workload = testenv.Bare(t, v.args...)
	}
	v.goesOn()
	v.tasks = len(v.Tasks())
	return v
}

// reapOthers takes the children that an engine had, when it was killed, to try the kernel or to guard a tree: they die with it, and testenv
// leaves what is in our session alone.
func reapOthers() {
	for _, pid := range workload.Children(os.Getpid()) {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if name := strings.TrimSpace(string(comm)); name != "exe" && name != "memfd:woodfrog" && strings.Trim(name, "0123456789") != "" {
			continue
		}
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if got, _ := unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil); got != 0 {
				break
			}
		}
	}
}

// dump does not end the tasks.
func (v *victim) dump(ctx context.Context, fault string) error {
	_, err := core.Dump(ctx, host.Backend(), v.PID, core.Options{ImagesDir: v.images, LeaveRunning: true, Fault: fault})
	return err
}

// freeze dumps the tasks, which ends them.
func (v *victim) freeze() {
	v.t.Helper()
	_, err := core.Dump(v.t.Context(), host.Backend(), v.PID, core.Options{ImagesDir: v.images})
	require.NoError(v.t, err)
	v.Gone()
}

func (v *victim) restore(ctx context.Context, fault string) error {
	_, err := core.Restore(ctx, host.Backend(), core.Options{ImagesDir: v.images, RestoreDetached: true, Fault: fault})
	return err
}

// thaw restores the tasks and asks them whether all is as it was.
func (v *victim) thaw() {
	v.t.Helper()
	require.NoError(v.t, v.restore(v.t.Context(), ""))
	v.goesOn()
	v.Check()
}

// goesOn fails the test unless the tasks run by themselves, and in the call that they were in.
func (v *victim) goesOn() {
	v.t.Helper()
	v.Alive()
	switch v.args[0] {
	case "registers":
		from := v.rounds()
		require.Eventually(v.t, func() bool { return v.rounds() > from+1 }, 10*time.Second, time.Millisecond, "the task stands still: %s", v.output())
	case "goroutines":
	default:
		require.Eventually(v.t, v.asleep, 10*time.Second, time.Millisecond, "the tasks do not sleep: %s", v.output())
	}
}

func (v *victim) rounds() uint64 {
	b, _ := os.ReadFile(filepath.Join(v.Dir, "rounds"))
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// The calls that tasks sleep in: nanosleep, restart_syscall, rt_sigsuspend, natively and in i386.
var (
	sleeps   = []int{unix.SYS_NANOSLEEP, unix.SYS_RESTART_SYSCALL, unix.SYS_RT_SIGSUSPEND}
	sleeps32 = []int{162, 0, 179}
)

// asleep: all tasks are in the call that they sleep in. A nanosleep that a signal frame cannot restart gives way to a wait for a signal.
func (v *victim) asleep() bool {
	for _, pid := range v.Tasks() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		first, _, _ := strings.Cut(string(b), " ")
		nr, err := strconv.Atoi(first)
		if err != nil || !slices.Contains(sleeps, nr) && !(testenv.IsForeign() && slices.Contains(sleeps32, nr)) {
			return false
		}
		// a task that was let go a moment ago has yet to enter the call again
		if status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); !strings.Contains(string(status), "\nState:\tS") {
			return false
		}
	}
	return true
}

func (v *victim) output() string {
	b, _ := os.ReadFile(filepath.Join(v.Dir, "out"))
	return string(b)
}

// committed says whether the images can be taken for a checkpoint.
func (v *victim) committed() bool {
	_, err := os.Stat(filepath.Join(v.images, "inventory.img"))
	return err == nil
}
