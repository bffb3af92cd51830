package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/internal/testenv"
)

// TestMain makes the test binary the program itself when it is asked to: the tests below need it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("BE_WOODFROG") != "" {
		main()
	}
	testenv.Main(m)
}

// frog is a running workload and a directory for its images.
type frog struct {
	*testenv.Workload
	t   *testing.T
	dir string
}

func newFrog(t *testing.T, args ...string) *frog {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	return &frog{testenv.Bare(t, args...), t, t.TempDir()}
}

// woodfrog runs the program with -D and returns its exit status and what it wrote.
func (f *frog) woodfrog(args ...string) (status int, out, msg string) {
	f.t.Helper()
	cmd := f.command(args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	require.NoError(f.t, cmd.Start())
	require.NoError(f.t, ignoreStatus(cmd.Wait()))
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func (f *frog) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(f.t.Context(), "/proc/self/exe", append(args, "--no-default-config", "-D", f.dir)...)
	cmd.Env = append(os.Environ(), "BE_WOODFROG=1", "CRIU_CONFIG_FILE=")
	return cmd
}

func ignoreStatus(err error) error {
	if _, ok := err.(*exec.ExitError); ok {
		return nil
	}
	return err
}

func (f *frog) dump(args ...string) {
	f.t.Helper()
	status, _, msg := f.woodfrog(append([]string{"dump", "-t", strconv.Itoa(f.PID)}, args...)...)
	require.Zero(f.t, status, msg)
}

// state is the letter of /proc/PID/stat.
func (f *frog) state() string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.PID), "stat"))
	require.NoError(f.t, err)
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))[0]
}

func (f *frog) file(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	require.NoError(f.t, err)
	return string(b)
}

func TestDumpLeavesRunning(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump("-R", "-o", "dump.log", "-v4")
	require.Regexp(t, `^\(00\.\d{6}\) woodfrog `, f.file("dump.log"))
	require.NotContains(t, f.file("dump.log"), "Error")
	f.Check()
}

func TestDumpLeavesStopped(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump("--leave-stopped")
	// The kernel lets go of a traced task first and stops it then.
	require.Eventually(t, func() bool { return f.state() == "T" }, 10*time.Second, time.Millisecond)
	require.NoError(t, unix.Kill(f.PID, unix.SIGCONT))
	f.Check()
}

func TestDumpEndsAndRestoreDetachedBringsBack(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump()
	f.Gone()
	status, out, msg := f.woodfrog("restore", "-d", "--pidfile", "pid", "--display-stats")
	require.Zero(t, status, msg)
	require.Equal(t, strconv.Itoa(f.PID), f.file("pid"))
	require.Contains(t, out, "Pages restored: ")
	f.Check()
}

func TestShow(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump("-R")
	status, text, msg := f.woodfrog("show")
	require.Zero(t, status, msg)
	require.Contains(t, text, strconv.Itoa(f.PID))
	require.Contains(t, text, "bare")
	status, text, msg = call("woodfrog", "show", "--no-default-config", "--json", f.dir)
	require.Zero(t, status, msg)
	require.True(t, json.Valid([]byte(text)), text)
	status, _, msg = call("woodfrog", "show", "--no-default-config", t.TempDir())
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, ": no inventory.img: there is no image here")
	f.Check()
}

func TestWhatNobodyReadsOnIsNoFailure(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump("-R")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, r.Close())
	for _, command := range []string{"show", "plan"} {
		var msg bytes.Buffer
		status := run([]string{"woodfrog", command, "--no-default-config", f.dir}, streams{out: descriptor(w.Fd()), err: &msg})
		require.Equal(t, []any{exitOK, ""}, []any{status, msg.String()}, command)
	}
	f.Check()
}

func TestPlan(t *testing.T) {
	f := newFrog(t, "threads", "3")
	f.dump("-R")
	status, text, msg := f.woodfrog("plan")
	require.Zero(t, status, msg)
	require.Contains(t, text, `"/dev/null"`)
	require.Regexp(t, fmt.Sprintf(`(?m)^task %d$(\n.+)+ prctl\(`, f.PID), text)
	tids, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", f.PID))
	require.NoError(t, err)
	require.Greater(t, len(tids), 3)
	for _, tid := range tids[1:] {
		require.Contains(t, text, fmt.Sprintf("task %d: thread %s\n", f.PID, tid.Name()))
	}
	f.Check() // and nothing was restored
}

func TestPlanOfAnotherArchitecture(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump("-R")
	dir, err := image.OpenDir(f.dir)
	require.NoError(t, err)
	defer dir.Close()
	core, err := image.ReadOne[image.CoreEntry](dir, image.Core, f.PID)
	require.NoError(t, err)
	core.Mtype, core.TiS390 = image.CoreEntry_S390, &image.ThreadInfoS390{Gpregs: &image.UserS390RegsEntry{}, Fpregs: &image.UserS390FpregsEntry{}}
	require.NoError(t, dir.Write(image.Core, f.PID, core))
	for _, command := range []string{"plan", "restore"} {
		status, _, msg := f.woodfrog(command)
		require.Equal(t, exitFailure, status)
		require.Contains(t, msg, fmt.Sprintf("woodfrog: %s: task %d: processor: the image is of S390, this is ", command, f.PID))
	}
	f.Check()
}

func TestRestoreWaitsForTheTree(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump()
	f.Gone()
	cmd := f.command("restore", "--pidfile", "pid")
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return len(f.mayRead("pid")) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, unix.Kill(cmd.Process.Pid, 0))
	f.Check()
	require.NoError(t, cmd.Wait())
}

// TestRestoreIsToldToStopWhenTheTreeRuns: it is too late to undo anything, and so the signal is as one that comes while the engine waits.
func TestRestoreIsToldToStopWhenTheTreeRuns(t *testing.T) {
	for _, then := range [][]string{nil, {"--exec-cmd", "--", "sleep", "60"}} {
		f := newFrog(t, "sleep")
		f.dump()
		f.Gone()
		cmd := f.command("restore", "--pidfile", "pid", "--display-stats")
		cmd.Args = append(cmd.Args, then...)
		// the engine stays at its statistics while the pipe is full
		out, full, err := os.Pipe()
		require.NoError(t, err)
		size, err := unix.FcntlInt(out.Fd(), unix.F_GETPIPE_SZ, 0)
		require.NoError(t, err)
		_, err = full.Write(make([]byte, size))
		require.NoError(t, err)
		cmd.Stdout = full
		require.NoError(t, cmd.Start())
		require.NoError(t, full.Close())
		require.Eventually(t, func() bool { return len(f.mayRead("pid")) > 0 }, 10*time.Second, time.Millisecond)
		require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
		pends := func() bool {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			return err == nil && !regexp.MustCompile(`(?m)^ShdPnd:\t0{16}$`).Match(b)
		}
		for pends() {
			time.Sleep(time.Millisecond)
		}
		_, err = io.ReadFull(out, make([]byte, size))
		require.NoError(t, err)
		ended := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		require.NoError(t, ignoreStatus(cmd.Wait()))
		ended.Stop()
		require.NoError(t, out.Close())
		require.Equal(t, unix.SIGTERM, unix.Signal(cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()))
		f.Check()
	}
}

// What a restore is to do when the tree runs is looked after before.
func TestRestoreMakesNothingThatItCannotEnd(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump()
	f.Gone()
	status, _, msg := f.woodfrog("restore", "-d", "--pidfile", "/nonexistent/pid")
	require.Equal(t, exitFailure, status)
	require.Regexp(t, `^woodfrog: restore: pidfile: create /nonexistent/pid\.\d+: no such file or directory\n$`, msg)
	cmd := f.command("restore", "--exec-cmd")
	cmd.Args = append(cmd.Args, "--", "nonexistent")
	text, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "woodfrog: restore: --exec-cmd: exec: \"nonexistent\": executable file not found in $PATH\n", string(text))
	f.Gone()
	status, _, msg = f.woodfrog("restore", "-d")
	require.Zero(t, status, msg)
	f.Check()
}

func TestRestoreBecomesTheCommand(t *testing.T) {
	f := newFrog(t, "sleep")
	f.dump()
	f.Gone()
	// The shell sees its child and ends with a status of its own.
	cmd := f.command("restore", "--exec-cmd", "--pidfile", "pid")
	cmd.Args = append(cmd.Args, "--", "sh", "-c", "kill -TERM "+strconv.Itoa(f.PID)+`; while [ -d /proc/$0 ] && ! grep -q "^State:.Z" /proc/$0/status; do :; done; exit 7`, strconv.Itoa(f.PID))
	require.NoError(t, cmd.Start())
	require.NoError(t, ignoreStatus(cmd.Wait()))
	require.Equal(t, 7, cmd.ProcessState.ExitCode())
	f.Gone()
}

func TestFailuresSayWhatAndLeaveTheTask(t *testing.T) {
	f := newFrog(t, "sleep")
	pid := strconv.Itoa(f.PID)
	status, _, msg := f.woodfrog("restore", "-d", "-o", "restore.log")
	require.Equal(t, exitFailure, status)
	require.Regexp(t, `^woodfrog: restore: images .*: no inventory\.img: .*the dump did not finish`, msg)
	require.Regexp(t, `^Error \(session\.go:\d+\): images .*: no inventory\.img: `, f.file("restore.log"))

	status, _, msg = f.woodfrog("dump", "-t", pid, "-W", "/nowhere", "-o", "x")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "woodfrog: dump: work directory /nowhere: no such file or directory\n")
	status, _, msg = f.woodfrog("dump", "-t", pid, "-o", "/nowhere/x")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "woodfrog: dump: log file: open /nowhere/x: ")

	status, _, msg = f.woodfrog("dump", "-t", "4194304")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "4194304")
	f.Check()
}

// mayRead reads a file that may not be there yet.
func (f *frog) mayRead(name string) []byte {
	b, _ := os.ReadFile(filepath.Join(f.dir, name))
	return b
}

// TestDumpIsToldToStop: while it waits for a task that cannot be stopped, too.
func TestDumpIsToldToStop(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		sig  unix.Signal
		msg  string
	}{
		{"Ctrl-C", nil, unix.SIGINT, "interrupt"},
		{"SIGTERM", nil, unix.SIGTERM, "terminated"},
		{"--timeout", []string{"--timeout", "1"}, 0, "not done in 1s, the time that --timeout gives"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFrog(t, "vfork")
			require.Eventually(t, func() bool { return len(f.Tasks()) == 2 }, 10*time.Second, time.Millisecond)
			cmd := f.command(append([]string{"dump", "-t", strconv.Itoa(f.PID)}, c.args...)...)
			var msg bytes.Buffer
			cmd.Stderr = &msg
			require.NoError(t, cmd.Start())
			traced := func() bool {
				b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.PID), "status"))
				return !strings.Contains(string(b), "\nTracerPid:\t0\n")
			}
			require.Eventually(t, traced, 10*time.Second, time.Millisecond)
			if c.sig != 0 {
				require.NoError(t, cmd.Process.Signal(c.sig))
			}
			start := time.Now()
			require.NoError(t, ignoreStatus(cmd.Wait()))
			require.Equal(t, exitFailure, cmd.ProcessState.ExitCode(), msg.String())
			require.Less(t, time.Since(start), 30*time.Second)
			require.Contains(t, msg.String(), c.msg)
			require.False(t, traced())
			require.NoError(t, os.WriteFile(filepath.Join(f.Dir, "go"), nil, 0o600))
			f.Check()
		})
	}
}
