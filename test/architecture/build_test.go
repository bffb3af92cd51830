package architecture

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBuild: what the build target makes is static, says nothing of where it was made, and is the same bytes elsewhere.
func TestBuild(t *testing.T) {
	one, other := copyTree(t), copyTree(t)
	first, second := build(t, one), build(t, other)
	require.True(t, bytes.Equal(first, second), "two builds differ")
	require.False(t, bytes.Contains(first, []byte(one)), "the binary names %s", one)
}

func build(t *testing.T, dir string) []byte {
	t.Helper()
	dest := t.TempDir()
	cmd := exec.Command("go", "tool", "mage", "install")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DESTDIR="+dest, "PREFIX=/usr")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	binary := filepath.Join(dest, "usr", "sbin", "woodfrog")
	f, err := elf.Open(binary)
	require.NoError(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		require.NotContains(t, []elf.ProgType{elf.PT_INTERP, elf.PT_DYNAMIC}, p.Type, "not static")
	}
	text, err := os.ReadFile(binary)
	require.NoError(t, err)
	return text
}
