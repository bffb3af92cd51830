package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// TestDemo runs the demo as its target does: it ends with an error if anything it shows is not so.
func TestDemo(t *testing.T) {
	testenv.Root(t)
	dir := t.TempDir()
	for name, pkg := range map[string]string{"woodfrog": "woodfrog/cmd/woodfrog", "demo": "woodfrog/test/demo"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "demo"), "-woodfrog", filepath.Join(dir, "woodfrog")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "no number left out or written twice")
}
