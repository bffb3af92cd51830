package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/internal/testenv"
)

// stops counts how often a task gave up the processor by itself. One that computes does so only when something stops it: a ptrace
// stop is a voluntary switch to the scheduler (kernel/sched/core.c, __schedule: its state is no longer running).
func stops(t *testing.T, pid int) string {
	t.Helper()
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "voluntary_ctxt_switches:"); ok {
			return strings.TrimSpace(n)
		}
	}
	t.Fatal("status: no line voluntary_ctxt_switches")
	return ""
}

// A tree that cannot be dumped is never stopped, and every reason is told, with what can be done.
func TestObstaclesAreToldBeforeTheFreeze(t *testing.T) {
	f := newFrog(t, "spin")
	before := stops(t, f.PID)
	f.dir = filepath.Join(f.dir, "none")
	f.Untouched(func() {
		status, _, msg := f.woodfrog("dump", "-t", strconv.Itoa(f.PID))
		require.Equal(t, exitFailure, status)
		require.Equal(t, "woodfrog: dump: images "+f.dir+": no such file or directory\nhint: make it: mkdir -p "+f.dir+"\n", msg)
	})
	require.Equal(t, before, stops(t, f.PID), "it was stopped")

	f.dir = filepath.Dir(f.dir)
	f.dump("-R")
	require.NotEqual(t, before, stops(t, f.PID), "a dump that stops it must show")
	f.Check()
}

// All obstacles of a real program are printed, one a line, and each remedy once, after those that it is for.
func TestObstaclesOfAProgram(t *testing.T) {
	testenv.Root(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	dir := t.TempDir()
	gone, err := os.Create(filepath.Join(dir, "gone"))
	require.NoError(t, err)
	defer gone.Close()
	require.NoError(t, os.Remove(gone.Name()))
	sock, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	socket := os.NewFile(uintptr(sock), "socket")
	defer socket.Close()
	cmd := exec.Command("sleep", "1000")
	cmd.ExtraFiles = []*os.File{socket, gone, socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()

	f := &frog{t: t, dir: dir}
	status, _, msg := f.woodfrog("dump", "-t", strconv.Itoa(cmd.Process.Pid), "-o", "dump.log")
	require.Equal(t, exitFailure, status)
	task := "woodfrog: dump: task " + strconv.Itoa(cmd.Process.Pid) + ": "
	lines := strings.Split(strings.TrimSpace(msg), "\n")
	require.Len(t, lines, 5, msg)
	require.Regexp(t, "^"+task+`fd 3: socket:\[\d+\]: a socket \(Unix stream\): not served yet$`, lines[0])
	require.Regexp(t, "^"+task+`fd 5: socket:\[\d+\]: a socket \(Unix stream\): not served yet$`, lines[1])
	require.Regexp(t, "^hint: close the connection", lines[2])
	require.Equal(t, task+"fd 4: "+gone.Name()+": a deleted file: not served yet", lines[3])
	require.Regexp(t, "^hint: restart the program", lines[4])
	require.Equal(t, 3, strings.Count(f.file("dump.log"), "Error ("))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no image is begun")
}

// All that keeps a tree from being restored is told at once, and nothing is made.
func TestObstaclesToARestore(t *testing.T) {
	f := newFrog(t, "files", "3", "0")
	f.dump()
	f.Gone()
	first, second := filepath.Join(f.Dir, "faaaa"), filepath.Join(f.Dir, "faaab")
	old, err := os.ReadFile(second)
	require.NoError(t, err)
	require.NoError(t, os.Rename(first, first+".away"))
	require.NoError(t, os.WriteFile(second, append(old, '!'), 0o600))

	status, _, msg := f.woodfrog("restore", "-d")
	require.Equal(t, exitFailure, status)
	lines := strings.Split(strings.TrimSpace(msg), "\n")
	require.Len(t, lines, 3, msg)
	require.Regexp(t, `^woodfrog: restore: files\.img: id \d+: `+first+`: open: no such file or directory$`, lines[0])
	require.Regexp(t, `^woodfrog: restore: files\.img: id \d+: `+second+`: size 7: it was 6 at the dump`, lines[1])
	require.Equal(t, "hint: bring the file back as it was at the dump", lines[2])

	require.NoError(t, os.Rename(first+".away", first))
	require.NoError(t, os.WriteFile(second, old, 0o600))
	status, _, msg = f.woodfrog("restore", "-d")
	require.Zero(t, status, msg)

	status, _, msg = f.woodfrog("restore", "-d")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "woodfrog: restore: task "+strconv.Itoa(f.PID)+": PID: is taken by bare\nhint: end process "+strconv.Itoa(f.PID))
	f.Alive()
	f.Check()
}
