package task

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// adopts is what the test below has a subreaper run: its child leaves it a grandchild when it is told to, and has seen the one between
// end by then.
const adopts = `echo; read word; (sleep 1000 & ); echo; read word`

// Grandchildren that a stopped subreaper gets while a child of it still runs are in the tree.
func TestFreezeFindsAdopted(t *testing.T) {
	if os.Getenv("BE_SUBREAPER") != "" {
		require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		cmd := exec.Command("/bin/sh", "-c", adopts)
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		_ = cmd.Run()
		return
	}
	testenv.Root(t)
	testenv.Subreaper(t)
	runtime.LockOSThread() // the tracer
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "BE_SUBREAPER=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	tr := &Tree{deadline: time.Now().Add(time.Minute), byPid: map[int]*Task{}, byTid: map[int]*Thread{}}
	defer func() {
		require.NoError(t, tr.Thaw(false))
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
	}()
	tr.Root, err = tr.open(cmd.Process.Pid, nil)
	require.NoError(t, err)
	said := func() {
		_, err := out.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	said()
	require.NoError(t, tr.stop(t.Context(), []*Task{tr.Root}))
	fresh, err := tr.children([]*Task{tr.Root}, false)
	require.NoError(t, err)
	require.Len(t, fresh, 1)
	_, err = io.WriteString(in, "go\n")
	require.NoError(t, err)
	said()
	require.NoError(t, tr.grow(t.Context(), fresh))
	all, err := tr.Root.children(false)
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, pid := range all {
		require.True(t, slices.ContainsFunc(tr.Root.Children, func(c *Task) bool { return c.Pid == pid && c.Parent == tr.Root }))
	}
}
