package procfs

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFamilies(t *testing.T) {
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "60")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	proc, err := OpenProc(Root)
	require.NoError(t, err)
	defer proc.Close()
	var families map[int][]int
	require.Eventually(t, func() (ok bool) { // nothing is known where processes end all the time
		var err error
		families, err = proc.Families(1 << 22)
		return err != nil || families != nil
	}, 30*time.Second, time.Millisecond)
	require.Subset(t, families[os.Getpid()], pids)
	require.Contains(t, families[os.Getppid()], os.Getpid())

	families, err = proc.Families(1)
	require.NoError(t, err)
	require.Nil(t, families, "asking threads costs less")
}

func TestMayHide(t *testing.T) {
	plain, hidden := Mount{MountPoint: "/proc", FSType: "proc", SuperOptions: "rw"}, Mount{MountPoint: "/proc", FSType: "proc", SuperOptions: "rw,hidepid=invisible"}
	other, below := Mount{MountPoint: "/proc", FSType: "tmpfs"}, Mount{MountPoint: "/proc/sys", FSType: "proc"}
	for want, lists := range map[bool][][]Mount{
		false: {{plain}, {hidden, plain}, {plain, below}},
		true:  {{hidden}, {plain, hidden, below}, {plain, other}, {below}, nil},
	} {
		for _, mounts := range lists {
			require.Equal(t, want, mayHide(mounts, "/proc"), mounts)
		}
	}
}
