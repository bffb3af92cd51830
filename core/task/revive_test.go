package task

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/host"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

func TestTasksDoNotKeepWhatTheEngineWasStartedWith(t *testing.T) {
	abi := host.Backend().Native()
	fd, err := stub.NewMemfd(1 << 20)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	area, err := stub.NewArea([]*arch.ABI{abi}, fd, 1<<20, os.Getpagesize(), 1<<30)
	require.NoError(t, err)
	defer area.Close()
	core := &image.CoreEntry{Tc: &image.TaskCoreEntry{}}
	for slack, set := range map[uint64]bool{defaultSlack: false, 0: true, 99_999: true} {
		v := &Revival{Reviver: &Reviver{Slack: slack, CoreFilter: defaultCoreFilter}, Tids: []int{5}, Cores: []*image.CoreEntry{core}}
		p := area.NewProgram(abi)
		v.threadTraits(p, 0)
		require.Equal(t, set, p.Len() == 1, "timer slack %d", slack)
	}
	p := area.NewProgram(abi)
	core.Tc.Comm = "x"
	(&Revival{Reviver: &Reviver{CoreFilter: defaultCoreFilter}, Tids: []int{5}, Cores: []*image.CoreEntry{core}}).Task(p)
	require.Contains(t, p.String(), "personality(0", "of the default personality, too")
}
