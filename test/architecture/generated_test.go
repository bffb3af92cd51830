package architecture

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGeneratedFiles generates everything again in a copy of the tree: the stubs' bytes are what Go's assembler makes of
// their sources, and the messages what their generator makes of its table.
func TestGeneratedFiles(t *testing.T) {
	dir := copyTree(t)
	stale := time.Unix(1, 0)
	var checked []string
	for _, name := range files(t, ".go") {
		if strings.HasPrefix(path.Base(name), "z") {
			checked = append(checked, name)
			require.NoError(t, os.Chtimes(filepath.Join(dir, name), stale, stale))
		}
	}
	require.NotEmpty(t, checked)

	cmd := exec.Command("go", "generate", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range checked {
		to := filepath.Join(dir, name)
		again, err := os.ReadFile(to)
		require.NoError(t, err)
		info, err := os.Stat(to)
		require.NoError(t, err)
		if info.ModTime().Equal(stale) {
			t.Errorf("%s: no go:generate line makes it", name)
		}
		if string(again) != read(t, name) {
			t.Errorf("%s: not what its generator makes now: run go tool mage generate", name)
		}
	}
}
