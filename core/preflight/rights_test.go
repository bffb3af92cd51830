package preflight

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// An engine without the capability for map_files is told so before anything is frozen.
func TestMapFilesTakeACapability(t *testing.T) {
	testenv.Root(t)
	s := &scan{DumpOptions: options(t, os.Getpid())}
	lacks := func(o Obstacle) bool { return o.Thing == "woodfrog" && o.Remedy == grant }
	s.machine()
	require.False(t, slices.ContainsFunc(s.found, lacks))
	dropped := make(chan error)
	go func() {
		runtime.LockOSThread() // which ends with it
		var c [2]unix.CapUserData
		header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		err := unix.Capget(header, &c[0])
		c[unix.CAP_SYS_ADMIN/32].Effective &^= 1 << (unix.CAP_SYS_ADMIN % 32)
		c[unix.CAP_CHECKPOINT_RESTORE/32].Effective &^= 1 << (unix.CAP_CHECKPOINT_RESTORE % 32)
		if err == nil {
			err = unix.Capset(header, &c[0])
		}
		if err == nil {
			s.machine()
		}
		dropped <- err
	}()
	require.NoError(t, <-dropped)
	require.True(t, slices.ContainsFunc(s.found, lacks), s.found)
}
