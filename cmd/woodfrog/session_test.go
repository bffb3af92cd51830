package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/procfs"
)

// opened is a session whose stderr is kept.
func opened(t *testing.T, s settings) (*session, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	se, ok := begin(cmdDump, &s, streams{out: &out, err: &out})
	require.True(t, ok, out.String())
	return se, &out
}

func TestErrorGoesToPeopleAndToTheLog(t *testing.T) {
	s := defaults()
	s.core.WorkDir, s.logFile = t.TempDir(), "dump.log"
	s.notes = []string{"--x: odd"}
	se, out := opened(t, s)
	status := se.end(fmt.Errorf("preflight: %w", core.Obstacles{
		{Pid: 7, Thing: "fd 3", Cause: "socket", Remedy: "close it"},
		{Pid: 7, Thing: "fd 4", Cause: "socket", Remedy: "close it"},
	}))
	require.Equal(t, exitFailure, status)
	require.Equal(t, "woodfrog: dump: preflight: task 7: fd 3: socket\n"+
		"woodfrog: dump: task 7: fd 4: socket\nhint: close it\n", out.String())
	log, err := os.ReadFile(filepath.Join(s.core.WorkDir, "dump.log"))
	require.NoError(t, err)
	require.Regexp(t, `^Warn  \(session\.go:\d+\): --x: odd
Error \(session\.go:\d+\): preflight: task 7: fd 3: socket
Error \(session\.go:\d+\): task 7: fd 4: socket
$`, string(log))
}

func TestErrorOfOneObstacleHasItsHint(t *testing.T) {
	se, out := opened(t, defaults())
	require.Equal(t, exitFailure, se.end(fmt.Errorf("freeze: %w", core.Obstacle{Thing: "root", Cause: "traced", Remedy: "detach"})))
	require.Equal(t, "woodfrog: dump: freeze: root: traced\nhint: detach\n", out.String())
}

func TestLogFileThatCannotBe(t *testing.T) {
	s := defaults()
	s.core.WorkDir, s.logFile = t.TempDir(), "no/such"
	var out bytes.Buffer
	_, ok := begin(cmdDump, &s, streams{err: &out})
	require.False(t, ok)
	require.Regexp(t, "^woodfrog: dump: log file: open .*no such file", out.String())
}

func TestWorkDirThatCannotBe(t *testing.T) {
	s := defaults()
	s.core.WorkDir = filepath.Join(t.TempDir(), "none")
	for _, c := range []command{cmdDump, cmdRestore} {
		var out bytes.Buffer
		_, ok := begin(c, &s, streams{err: &out})
		require.False(t, ok)
		require.Equal(t, fmt.Sprintf("woodfrog: %s: work directory %s: no such file or directory\n"+
			"hint: choose another directory with --work-dir\n", c, s.core.WorkDir), out.String())
	}
}

func TestFullDiskUnderTheLogIsAWarning(t *testing.T) {
	s := defaults()
	s.logFile, s.verbosity = "/dev/full", logInfo
	se, out := opened(t, s)
	require.Equal(t, exitOK, se.end(nil))
	require.Equal(t, "woodfrog: dump: warning: the log file is not complete: no space left on device\n", out.String())
	se, out = opened(t, s)
	require.Equal(t, exitFailure, se.end(errors.New("no memory")))
	require.Contains(t, out.String(), "woodfrog: dump: no memory\nwoodfrog: dump: warning: ")
}

func TestSignalsEndTheContext(t *testing.T) {
	caught := host.Backend().SignalNote.Caught
	for _, timeout := range []time.Duration{0, time.Hour} {
		for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
			s := defaults()
			s.timeout = timeout
			se, _ := opened(t, s)
			ctx, cancel := se.context()
			require.NoError(t, ctx.Err())
			for range 3 { // the later ones are survived
				require.NoError(t, unix.Kill(unix.Getpid(), sig))
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("no effect of", sig)
			}
			require.ErrorIs(t, ctx.Err(), context.Canceled)
			err := because(ctx, fmt.Errorf("freeze: %w", context.Canceled))
			require.EqualError(t, err, "freeze: context canceled: "+sig.String()+" signal received")
			require.Equal(t, context.Cause(ctx), because(ctx, context.Cause(ctx)))
			require.NoError(t, because(ctx, nil))
			earlier := fmt.Errorf("freeze: %w", interruptError{unix.SIGKILL})
			require.Equal(t, earlier, because(ctx, earlier), "a second signal")
			cancel()
			require.Eventually(t, func() bool { return !pends(t, sig) }, 10*time.Second, time.Millisecond)
			atomic.StoreUint32(caught, 0)
			uninterrupted(host.Backend().SignalNote, sig)
		}
	}
}

// pends says whether a signal has still to be delivered to this process.
func pends(t *testing.T, sig unix.Signal) bool {
	self, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer self.Close()
	status, err := self.Status()
	require.NoError(t, err)
	return (status.ShdPnd|status.SigPnd)>>(sig-1)&1 != 0
}

func TestTimeoutEndsTheContext(t *testing.T) {
	s := defaults()
	s.timeout = time.Millisecond
	se, _ := opened(t, s)
	ctx, cancel := se.context()
	defer cancel()
	<-ctx.Done()
	err := because(ctx, fmt.Errorf("task 3: %w", ctx.Err()))
	require.EqualError(t, err, "task 3: context deadline exceeded: not done in 1ms, the time that --timeout gives")
	require.EqualError(t, because(ctx, errors.New("x")), "x: not done in 1ms, the time that --timeout gives")
}

func TestPidFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	f, err := newPidFile(path)
	require.NoError(t, err)
	require.NoFileExists(t, path)
	f, err = newPidFile(path) // what a restore leaves that is killed
	require.NoError(t, err)
	require.NoError(t, f.publish(1234))
	f.discard()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "1234", string(text))
	_, err = newPidFile(path)
	require.ErrorIs(t, err, os.ErrExist)

	late, err := newPidFile(path + "2")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+"2", []byte("another's"), 0o600))
	require.ErrorIs(t, late.publish(5), os.ErrExist)
	text, err = os.ReadFile(path + "2")
	require.NoError(t, err)
	require.Equal(t, "another's", string(text))
	unused, err := newPidFile(path + "3")
	require.NoError(t, err)
	unused.discard()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 2)

	status, _, msg := call("woodfrog", "restore", "--no-default-config", "-D", filepath.Dir(path), "--pidfile", "pid")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "pidfile: "+path+": file already exists")
}

func TestProgressIsShownOnlyWhenItTakesLong(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.update("memory", 1, 4)
	p.clear()
	require.Empty(t, out.String())
	p.next = time.Now()
	p.update("memory", 1, 4)
	p.update("memory", 2, 4)
	require.Equal(t, "\r\x1b[Kmemory: 25%", out.String())
	p.clear()
	require.Equal(t, "\r\x1b[Kmemory: 25%\r\x1b[K", out.String())
	(*progress)(nil).clear()
}

// TestReaderGoesAway: a log that nobody reads any more is an error of its writer, not its end.
func TestReaderGoesAway(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	out := descriptor(p[1])
	defer unix.Close(p[1])

	big := make([]byte, 1<<20) // more than the pipe holds: it waits for the reader
	got := make(chan int)
	go func() {
		n := 0
		for buf := make([]byte, 4096); n < len(big); {
			m, err := unix.Read(p[0], buf)
			if err == nil {
				n += m
			}
		}
		got <- n
	}()
	n, err := out.Write(big)
	require.NoError(t, err)
	require.Equal(t, len(big), n)
	require.Equal(t, len(big), <-got)

	require.NoError(t, unix.Close(p[0]))
	_, err = out.Write([]byte("x"))
	require.ErrorIs(t, err, unix.EPIPE)
}

func TestWhoseReaderIsGoneEndsInOrder(t *testing.T) {
	f := newFrog(t, "sleep")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd := f.command("dump", "-t", strconv.Itoa(f.PID), "-R", "-v4")
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	_ = cmd.Wait()
	require.True(t, cmd.ProcessState.Exited(), cmd.ProcessState)
	f.Check()
}

func TestIsTerminal(t *testing.T) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.True(t, isTerminal(descriptor(fd)))
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(null)
	require.False(t, isTerminal(descriptor(null)))
	require.False(t, isTerminal(new(bytes.Buffer)))
}
