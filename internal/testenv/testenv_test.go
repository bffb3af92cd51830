package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { Main(m) }

// TestOwnPids: nobody but the tests has PIDs in their namespace.
func TestOwnPids(t *testing.T) {
	Root(t)
	if sharedPids {
		t.Log("there can be no PID namespace here")
		return
	}
	init, err := os.Stat("/proc/1/exe")
	require.NoError(t, err)
	self, err := os.Stat("/proc/self/exe")
	require.NoError(t, err)
	require.True(t, os.SameFile(init, self))
	require.Equal(t, 1, os.Getppid())
}

// recorder is a test whose outcome is looked at.
type recorder struct {
	testing.TB
	said     []string
	failed   bool
	skipped  bool
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.said, r.failed = append(r.said, fmt.Sprintf(format, args...)), true
}
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Skip(args ...any) {
	r.said, r.skipped = append(r.said, fmt.Sprint(args...)), true
	runtime.Goexit()
}

// outcome runs f as a test of its own.
func outcome(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for len(r.cleanups) > 0 {
				last := r.cleanups[len(r.cleanups)-1]
				r.cleanups = r.cleanups[:len(r.cleanups)-1]
				last()
			}
		}()
		f(r)
	}()
	<-done
	return r
}

func TestNeeds(t *testing.T) {
	no := func() (bool, error) { return false, nil }
	for _, c := range []struct {
		name          string
		f             Feature
		lacks, strict string
		failed, skips bool
		say           string
	}{
		{"there", Feature{"x", "Linux 1.0", func() (bool, error) { return true, nil }}, "", "", false, false, ""},
		{"kernel too old", Feature{"x", "Linux 99.0", no}, "", "", false, true, "needs x"},
		{"kernel new enough", Feature{"x", "Linux 5.4", no}, "", "", true, false, "since Linux 5.4, but it is not there"},
		{"known to lack it", Feature{"x", "Linux 5.4", no}, "y,x", "", false, true, "needs x"},
		{"strict", Feature{"x", "Linux 99.0", no}, "", "1", true, false, "needs x"},
		{"never has to", Feature{"x", "", no}, "", "", false, true, "needs x"},
		{"cannot tell", Feature{"x", "Linux 99.0", func() (bool, error) { return false, errors.New("why") }}, "", "", true, false, "x: probe: why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("WOODFROG_TEST_LACKS", c.lacks)
			t.Setenv("WOODFROG_TEST_STRICT", c.strict)
			r := outcome(t, func(t testing.TB) { Needs(t, c.f) })
			require.Equal(t, [2]bool{c.failed, c.skips}, [2]bool{r.failed, r.skipped})
			require.Contains(t, strings.Join(r.said, "\n"), c.say)
		})
	}
}

func TestRequired(t *testing.T) {
	config := func(value string, known bool) func(string) (string, bool) {
		return func(string) (string, bool) { return value, known }
	}
	for _, c := range []struct {
		since, release string
		value          string
		known          bool
		required       bool
	}{
		{"Linux 6.7", "6.7.0", "", false, true},
		{"Linux 6.7", "6.10-rc1", "", false, true},
		{"Linux 6.7", "6.6.99-generic", "", false, false},
		{"Linux 6.7", "7.0", "", false, true},
		{"Linux 6.7", "nonsense", "", false, false},
		{"CAP_KILL", "6.7", "", false, false},
		{"CONFIG_X", "6.7", "y", true, true},
		{"CONFIG_X", "6.7", "", true, false},
		{"CONFIG_X", "6.7", "", false, false},
	} {
		require.Equal(t, c.required, required(Feature{Name: "x", Since: c.since}, c.release, config(c.value, c.known)) != "", "%+v", c)
	}
	require.NotZero(t, Release())
}

// Every probe comes to an answer on this kernel, and the kernel has what it should.
func TestFeatures(t *testing.T) {
	for _, f := range []Feature{PagemapScan, ProcmapQuery, Kcmp, CheckpointRestore, ChildrenFile, OwnProc} {
		t.Run(f.Name, func(t *testing.T) { Needs(t, f) })
	}
}

func TestNoLeaks(t *testing.T) {
	defer func(kept time.Duration) { patience = kept }(patience)
	patience = 50 * time.Millisecond

	r := outcome(t, func(t testing.TB) {
		NoLeaks(t)
		f, err := os.Open(os.DevNull)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
	})
	require.False(t, r.failed, r.said)

	var kept *os.File
	r = outcome(t, func(t testing.TB) {
		NoLeaks(t)
		kept, _ = os.Open(os.DevNull)
	})
	require.True(t, r.failed)
	require.Contains(t, r.said[0], "descriptor")
	require.Contains(t, r.said[0], os.DevNull)
	require.NoError(t, kept.Close())

	var cmd *exec.Cmd
	r = outcome(t, func(t testing.TB) {
		NoLeaks(t)
		cmd = exec.Command("sleep", "100")
		_ = cmd.Start()
	})
	require.True(t, r.failed)
	require.Contains(t, strings.Join(r.said, "\n"), "(sleep)")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}

// What Subreaper has open for a moment is no leak.
func TestNoLeaksBesideSubreaper(t *testing.T) {
	Subreaper(t)
	cmd := exec.Command("true") // a zombie that is left to us, so that there are lists to read
	require.NoError(t, cmd.Start())
	defer func() { require.NoError(t, cmd.Wait()) }()
	before := takeStock()
	for range 300 {
		require.NoError(t, unix.Kill(os.Getpid(), unix.SIGCHLD))
		require.Empty(t, before.left(takeStock()))
	}
}

func TestWorkload(t *testing.T) {
	NoLeaks(t)
	Subreaper(t)
	w := Bare(t, "tree", "2", "2")
	w.Alive()
	require.Greater(t, len(w.Tasks()), 3)

	// A program that a test runs is not taken from it.
	out, err := exec.Command("sh", "-c", "exit 3").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", out)
	require.Equal(t, 3, exit.ExitCode())
	w.Check()
	require.Empty(t, w.Tasks())

	Goroutines(t).Check()
}

// Orphans of a killed task are ours, and what is left of a workload goes with the test.
func TestWorkloadKilled(t *testing.T) {
	NoLeaks(t)
	Subreaper(t)
	var w *Workload
	var before []int
	r := outcome(t, func(t testing.TB) {
		w = Bare(t, "tree", "2", "2")
		before = w.Tasks()
		_ = unix.Kill(w.PID, unix.SIGKILL)
	})
	require.False(t, r.failed, r.said)
	require.Greater(t, len(before), 3)
	for _, pid := range before {
		require.ErrorIs(t, unix.Kill(pid, 0), unix.ESRCH)
	}
}

func TestAliveNotices(t *testing.T) {
	defer func(kept time.Duration) { patience = kept }(patience)
	Subreaper(t)
	w := Bare(t, "sleep")
	require.NoError(t, unix.Kill(w.PID, unix.SIGSTOP))
	require.Eventually(t, func() bool { p, _ := readProcess(w.PID); return p.state == "T" }, patience, time.Millisecond)
	patience = 50 * time.Millisecond
	r := outcome(t, func(t testing.TB) { w.On(t).Alive() })
	patience = limit
	require.True(t, r.failed)
}

// kill ends a task and waits until it has ended.
func kill(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if p, ok := readProcess(pid); !ok || p.state == "Z" {
			return
		}
	}
}

func TestUntouched(t *testing.T) {
	defer func(kept time.Duration) { patience = kept }(patience)
	patience = 50 * time.Millisecond
	Subreaper(t)
	w := Bare(t, "tree", "1", "2")
	r := outcome(t, func(t testing.TB) { w.On(t).Untouched(func() { time.Sleep(10 * time.Millisecond) }) })
	require.False(t, r.failed, r.said)

	task := w.Tasks()[1]
	r = outcome(t, func(t testing.TB) {
		w.On(t).Untouched(func() {
			var old unix.Rlimit
			require.NoError(t, unix.Prlimit(task, unix.RLIMIT_CORE, nil, &old))
			require.NoError(t, unix.Prlimit(task, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 7, Max: old.Max}, nil))
		})
	})
	require.True(t, r.failed)
	require.Len(t, r.said, 1)
	require.Contains(t, r.said[0], fmt.Sprintf("task %d: limits was:", task))

	r = outcome(t, func(t testing.TB) { w.On(t).Untouched(func() { kill(task) }) })
	require.True(t, r.failed)
}
