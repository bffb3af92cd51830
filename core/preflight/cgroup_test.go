package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/internal/testenv"
)

// freezer is where cgroups of one kind can be frozen.
type freezer struct{ dir, file, freeze, thaw string }

func (f freezer) write(file, text string) error {
	return os.WriteFile(filepath.Join(f.dir, file), []byte(text), 0)
}

func (f freezer) state() string {
	b, _ := os.ReadFile(filepath.Join(f.dir, f.file))
	return strings.TrimSpace(string(b))
}

// freezers makes a cgroup wherever the machine has a freezer.
func freezers(t *testing.T) []freezer {
	var all []freezer
	for _, f := range []freezer{
		{"/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"},
		{"/sys/fs/cgroup", "cgroup.freeze", "1", "0"},
		{"/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0"},
	} {
		f.dir = filepath.Join(f.dir, "woodfrog-preflight-"+itoa(os.Getpid()))
		if os.Mkdir(f.dir, 0o755) != nil {
			continue
		}
		if f.state() == "" {
			require.NoError(t, os.Remove(f.dir))
			continue
		}
		t.Cleanup(func() { await(t, func() bool { return os.Remove(f.dir) == nil }) })
		all = append(all, f)
	}
	return all
}

// A frozen task is in no state to run the stub, and thawing it is not ours to do.
func TestFrozenForReal(t *testing.T) {
	testenv.Root(t)
	all := freezers(t)
	testenv.Needs(t, testenv.Feature{Name: "cgroup freezer", Probe: func() (bool, error) { return len(all) > 0, nil }})
	for _, f := range all {
		t.Run(f.dir, func(t *testing.T) {
			pid := start(t, "plain", nil)
			require.NoError(t, f.write("cgroup.procs", itoa(pid)))
			require.NoError(t, f.write(f.file, f.freeze))
			t.Cleanup(func() { require.NoError(t, f.write(f.file, f.thaw)) })
			await(t, func() bool { return f.state() == f.freeze })
			obstacles := found(t, options(t, pid))
			require.Len(t, obstacles, 1)
			require.Equal(t, "is frozen", obstacles[0].Cause)
			require.Equal(t, "thaw it: echo "+f.thaw+" > "+filepath.Join(f.dir, f.file), obstacles[0].Remedy)
			require.NoError(t, f.write(f.file, f.thaw))
			require.Empty(t, found(t, options(t, pid)))
		})
	}
}
