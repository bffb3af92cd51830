package procfs

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What this process reads of itself must be what it knows of itself.
func TestSelf(t *testing.T) {
	task := self(t)
	stat, err := task.Stat()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), stat.PID)
	require.Equal(t, os.Getppid(), stat.PPID)

	status, err := task.Status()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), status.PID)
	require.Equal(t, uint32(os.Geteuid()), status.UID[1])
	require.Equal(t, stat.Comm, status.Name)
	require.True(t, status.THPEnabled.Present)

	maps, err := task.Maps()
	require.NoError(t, err)
	smaps, err := task.Smaps()
	require.NoError(t, err)
	require.NotEmpty(t, maps)
	require.NotEmpty(t, smaps)
	for _, m := range smaps {
		require.Equal(t, m.Prot&ProtWrite != 0, m.Flags.Has(VmWrite), "%v", m)
		require.Zero(t, m.Flags&VmUnknown, "a code that is not known: %v", m)
		require.Equal(t, uint64(os.Getpagesize()), m.KernelPageSize)
	}

	limits, err := task.Limits()
	require.NoError(t, err)
	require.NotZero(t, limits[3].Soft)

	fds, err := task.Fds()
	require.NoError(t, err)
	for _, fd := range fds {
		if _, err := task.FdLink(fd); err != nil {
			continue // the directory descriptor that listed them
		}
		info, err := task.Fdinfo(fd)
		require.NoError(t, err)
		require.True(t, info.Ino.Present)
	}

	tids, err := task.Threads()
	require.NoError(t, err)
	require.Contains(t, tids, os.Getpid())
	_, err = task.Thread(tids[len(tids)-1]).Stat()
	require.NoError(t, err)
}

// A task that ends is told apart from one whose links are closed to us, at whatever moment it ends.
func TestLinkOfOneThatEnds(t *testing.T) {
	for range 1000 {
		cmd := exec.Command("sleep", "60")
		require.NoError(t, cmd.Start())
		task, err := Open(Root, cmd.Process.Pid)
		require.NoError(t, err)
		ended := make(chan error)
		go func() { _ = cmd.Process.Kill(); ended <- cmd.Wait() }()
		for _, name := range []string{"root", "ns/net"} {
			for err = nil; err == nil; {
				_, err = task.Link(name)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				require.ErrorIs(t, err, unix.ESRCH)
			}
		}
		<-ended
		require.NoError(t, task.Close())
	}
}
