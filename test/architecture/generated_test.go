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
	dir := t.TempDir()
	stale := time.Unix(1, 0)
	var checked []string
	for _, name := range files(t) {
		ext := path.Ext(name)
		if ext != ".go" && ext != ".s" && path.Base(name) != "go.mod" && path.Base(name) != "go.sum" {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, []byte(read(t, name)), 0o644))
		if strings.HasPrefix(path.Base(name), "z") {
			checked = append(checked, to)
			require.NoError(t, os.Chtimes(to, stale, stale))
		}
	}
	require.NotEmpty(t, checked)

	cmd := exec.Command("go", "generate", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, to := range checked {
		rel, err := filepath.Rel(dir, to)
		require.NoError(t, err)
		name := filepath.ToSlash(rel)
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
