package architecture

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule says what the packages that match a pattern may import from this module. The first rule that matches a package
// counts; a package that none matches may not exist. Patterns are those of path.Match, or end in "/..." for a package and
// all below it.
type rule struct {
	pkg string   // a pattern
	may []string // patterns
}

// below is what the packages of resources stand on.
var below = []string{"arch", "compat", "internal/buffers", "internal/fds", "internal/linux", "internal/parallel", "core/image", "core/procfs", "core/vdso", "core/kerndat", "core/ptrace", "core/stub"}

// rules is the design's order of packages, lowest first.
var rules = []rule{
	{"arch", nil},
	{"arch/aarch64", []string{"arch", "arch/arm"}},
	{"arch/host", []string{"arch", "arch/*"}},
	{"arch/*", []string{"arch"}},
	{"internal/linux", nil},
	{"internal/buffers", nil},
	{"internal/fds", nil},
	{"internal/parallel", nil},
	{"internal/testenv", []string{"internal/linux", "test/workload"}},
	{"internal/stubgen", nil},
	{"internal/stubgen/cmd", []string{"internal/stubgen"}},
	{"compat", []string{"arch"}},
	{"core/image", []string{"arch", "internal/buffers", "internal/fds", "internal/parallel"}},
	{"core/image/internal/*", []string{"core/image/internal/*"}},
	{"core/procfs", []string{"arch", "internal/buffers", "internal/fds"}},
	{"core/vdso", []string{"arch"}},
	{"core/ptrace", []string{"arch", "internal/linux"}},
	{"core/kerndat", []string{"arch", "internal/fds", "internal/linux", "core/vdso", "core/procfs", "core/ptrace"}},
	{"core/stub", []string{"arch", "internal/linux"}},
	{"core/task", below},
	{"core/spawn", below},
	{"core/preflight", append(below[:len(below):len(below)], "core/file")},
	{"core/*", append(below[:len(below):len(below)], "core/task")},
	{"core", []string{"arch", "compat", "internal/fds", "internal/linux", "internal/parallel", "core/*"}},
	{"cmd/*", []string{"arch", "arch/host", "internal/linux", "core", "core/*"}},
	{".", nil},
	{"test/...", []string{"..."}},
}

// outside says which packages may import what comes from other modules; "test" stands for test files, generators and all
// below test/.
var outside = []rule{
	{"golang.org/x/sys/unix", []string{"arch/host", "compat", "internal/*", "core", "core/*", "cmd/*", "test"}},
	{"golang.org/x/arch/...", []string{"test"}},
	{"github.com/stretchr/testify/*", []string{"test", "internal/testenv"}},
	{"google.golang.org/protobuf/encoding/protowire", []string{"core/image", "test"}},
	{"google.golang.org/protobuf/...", []string{"test"}},
	// Linking go-criu's messages costs every start of the program more than a millisecond.
	{"github.com/checkpoint-restore/go-criu/v8/...", []string{"test"}},
	// Pointers into other address spaces are numbers; our own are handed to the kernel in one place. The bare workloads
	// run without Go's runtime and the library above it.
	{"unsafe", []string{"internal/linux", "test/workload/bare"}},
}

func match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if above, ok := strings.CutSuffix(p, "..."); ok {
			return strings.HasPrefix(name+"/", above)
		}
		ok, _ := path.Match(p, name)
		return ok
	})
}

func find(list []rule, name string) (rule, bool) {
	i := slices.IndexFunc(list, func(r rule) bool { return match([]string{r.pkg}, name) })
	if i < 0 {
		return rule{}, false
	}
	return list[i], true
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		r, ok := find(rules, s.pkg())
		if !ok {
			t.Errorf("%s: package %s has no row in the import table", s.name, s.pkg())
			continue
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				if !match(r.may, ours) && !(s.test() && testMay(s.pkg(), ours)) {
					t.Errorf("%s: package %s may not import %s", s.name, s.pkg(), ours)
				}
				continue
			}
			checkOutside(t, s, imported)
		}
	}
}

// testMay says what test files may import beyond their package's row: their own package and what is internal to it, real
// ABIs, workloads; never what is above them.
func testMay(pkg, imported string) bool {
	return imported == pkg || strings.HasPrefix(imported, pkg+"/internal/") ||
		match([]string{"arch", "arch/*", "internal/*", "test/*", "test/*/*"}, imported)
}

func checkOutside(t *testing.T, s source, imported string) {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") && imported != "unsafe" {
		if imported == "C" {
			t.Errorf("%s: cgo is not used here", s.name)
		}
		return
	}
	r, ok := find(outside, imported)
	if !ok {
		t.Errorf("%s: %s is no dependency of ours", s.name, imported)
		return
	}
	isTest := s.test() || strings.HasPrefix(s.pkg(), "test/") || match([]string{"core/image/internal/*"}, s.pkg())
	if !match(r.may, s.pkg()) && !(isTest && slices.Contains(r.may, "test")) {
		t.Errorf("%s: package %s may not import %s", s.name, s.pkg(), imported)
	}
}

// TestImportTableHasTeeth keeps the table from being loosened into one that says yes to everything.
func TestImportTableHasTeeth(t *testing.T) {
	for _, c := range [][2]string{
		{"arch", "core"}, {"arch/x86", "arch/arm"}, {"arch/arm", "arch/aarch64"}, {"core/image", "internal/linux"}, {"core/procfs", "core/ptrace"},
		{"core/ptrace", "core/stub"}, {"core", "arch/x86"}, {"core/task", "core"}, {"cmd/woodfrog", "arch/x86"},
	} {
		r, ok := find(rules, c[0])
		require.True(t, ok, c[0])
		require.False(t, match(r.may, c[1]), "%s imports %s", c[0], c[1])
	}
}
