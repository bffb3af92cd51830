package architecture

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChecklist: the files that the list for a new architecture names are those that each architecture has.
func TestChecklist(t *testing.T) {
	_, list, ok := strings.Cut(read(t, "ARCHITECTURE.md"), "## Add an architecture")
	require.True(t, ok)
	found := regexp.MustCompile("`((?:arch|core|test)/[^` ]*<[^` ]*)`").FindAllStringSubmatch(list, -1)
	require.NotEmpty(t, found)
	for goarch, dir := range backends(t) {
		for _, m := range found {
			pattern := strings.NewReplacer("<dir>", dir, "<goarch>", goarch).Replace(m[1])
			matches, err := fs.Glob(root, pattern)
			require.NoError(t, err)
			require.NotEmpty(t, matches, "ARCHITECTURE.md: %s: there is no %s", m[1], pattern)
		}
	}
}

// backends are the packages of the processors that the engine is built for, by Go's names of these: what the files of arch/host import.
func backends(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, s := range sources(t) {
		goarch, ok := strings.CutPrefix(s.name, "arch/host/host_linux_")
		if !ok {
			continue
		}
		for _, spec := range s.file.Imports {
			if dir, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), path.Join(module, "arch")+"/"); ok {
				all[strings.TrimSuffix(goarch, ".go")] = dir
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}
