package procfs

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

func TestFamilies(t *testing.T) {
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "60")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	families, err := Families(Root, 1<<22)
	require.NoError(t, err)
	require.Subset(t, families[os.Getpid()], pids)
	require.Contains(t, families[os.Getppid()], os.Getpid())

	families, err = Families(Root, 1)
	require.NoError(t, err)
	require.Nil(t, families, "asking threads costs less")
}

// A proc mount that may hide processes is not believed.
func TestHiddenFamilies(t *testing.T) {
	testenv.Root(t)
	for options, hidden := range map[string]bool{"": false, "hidepid=2": true} {
		dir := t.TempDir()
		done := make(chan error)
		var families map[int][]int
		go func() {
			runtime.LockOSThread() // and not unlocked: the mount ends with the thread
			err := unix.Unshare(unix.CLONE_NEWNS)
			if err == nil {
				err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
			}
			if err == nil {
				err = unix.Mount("proc", dir, "proc", 0, options)
			}
			if err == nil {
				families, err = Families(dir, 1<<22)
			}
			done <- err
		}()
		require.NoError(t, <-done, options)
		require.Equal(t, hidden, families == nil, options)
	}
}
