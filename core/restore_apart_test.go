package core

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// pollerVar has this program say whether the runtime's poller has been started.
const pollerVar = "WOODFROG_TEST_POLLER"

func TestMain(m *testing.M) {
	if os.Getenv(pollerVar) != "" { // the package testing would start it
		before := pollers()
		startPoller()
		_, _ = unix.Write(unix.Stdout, fmt.Append(nil, before, pollers()))
		return
	}
	testenv.Main(m)
}

func pollers() (n int) {
	var b [64]byte
	for fd := range 100 {
		if k, err := unix.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd), b[:]); err == nil && string(b[:k]) == "anon_inode:[eventpoll]" {
			n++
		}
	}
	return n
}

func TestStartPoller(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), pollerVar+"=1")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "0 1", string(out))
}
