package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
	"woodfrog/test/workload"
)

// screen is a terminal with a shell that leads its session, and runs a script.
type screen struct {
	t      *testing.T
	master *os.File
	shell  *exec.Cmd
	text   bytes.Buffer
}

func newScreen(t *testing.T, script string, env ...string) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	fd := int(master.Fd())
	require.NoError(t, unix.SetNonblock(fd, true)) // Fd made it wait
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer slave.Close()
	s := &screen{t: t, master: master, shell: exec.Command("/bin/sh", "-c", script)}
	s.shell.Env = append(os.Environ(), env...)
	s.shell.Stdin, s.shell.Stdout, s.shell.Stderr = slave, slave, slave
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, s.shell.Start())
	t.Cleanup(s.off)
	return s
}

func (s *screen) off() {
	_ = s.shell.Process.Kill()
	_ = s.shell.Wait()
	_ = s.shell.Process.Release() // the subreaper may have been faster
	_ = s.master.Close()
}

// await reads until a word was shown.
func (s *screen) await(word string) string {
	s.t.Helper()
	b := make([]byte, 1024)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(s.text.String(), word); {
		require.True(s.t, time.Now().Before(end), "no %q in %q", word, s.text.String())
		n, err := unix.Read(int(s.master.Fd()), b)
		s.text.Write(b[:max(n, 0)])
		if err != nil || n == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return s.text.String()
}

// TestShellJob: a job leaves its terminal and goes on in another one.
func TestShellJob(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	bin, err := workload.BuildBare(t.Context(), t.TempDir())
	require.NoError(t, err)
	one := newScreen(t, fmt.Sprintf("%s sleep & echo job $! ; wait", bin))
	text := one.await("ready")
	_, rest, _ := strings.Cut(text, "job ")
	pid := strings.Fields(rest)[0]
	f := &frog{t: t, dir: t.TempDir()}

	status, _, msg := f.woodfrog("dump", "-t", pid)
	require.Equal(t, 1, status)
	require.Contains(t, msg, "--shell-job")
	status, _, msg = f.woodfrog("dump", "-t", pid, "--shell-job")
	require.Zero(t, status, msg)
	one.off()
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return unix.Kill(number, 0) == unix.ESRCH }, 20*time.Second, time.Millisecond)

	self, err := os.Executable()
	require.NoError(t, err)
	two := newScreen(t, fmt.Sprintf("%s restore --no-default-config --shell-job -d -D %s && echo restored; exec sleep 60", self, f.dir),
		"BE_WOODFROG=1", "CRIU_CONFIG_FILE=")
	two.await("restored")
	require.NoError(t, unix.Kill(number, unix.SIGTERM))
	two.await("PASS")
}
