// Package architecture holds no code, only tests of the source tree itself: who may import whom, how files are named, that
// generated files match their sources and that documents point at what is there. It imports no package of the project
// but the generators whose output it checks.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the module's name in go.mod.
const module = "woodfrog"

// root is the top of the tree, seen from this package's directory, where go test runs us.
var root = os.DirFS(filepath.Join("..", ".."))

// files lists the tree's files below root that end in one of suffixes; all of them when there is none.
func files(t *testing.T, suffixes ...string) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || name == "bin" || name == "dist" || name == "vendor" {
				return fs.SkipDir
			}
			return nil
		}
		if len(suffixes) == 0 {
			list = append(list, name)
		}
		for _, s := range suffixes {
			if strings.HasSuffix(name, s) {
				list = append(list, name)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(root, name)
	require.NoError(t, err)
	return string(b)
}

// copyTree copies what the go command reads to a new directory.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files(t, ".go", ".s", ".mod", ".sum") {
		to := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, []byte(read(t, name)), 0o644))
	}
	return dir
}

// A source is one parsed Go file.
type source struct {
	name string // slash-separated, from the top of the tree
	text string
	fset *token.FileSet
	file *ast.File
}

func (s source) pkg() string { return path.Dir(s.name) }
func (s source) test() bool  { return strings.HasSuffix(s.name, "_test.go") }

// sources parses every Go file, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	for _, name := range files(t, ".go") {
		if strings.Contains(name, "testdata/") {
			continue
		}
		s := source{name: name, text: read(t, name), fset: token.NewFileSet()}
		f, err := parser.ParseFile(s.fset, name, s.text, parser.ParseComments)
		require.NoError(t, err)
		s.file = f
		list = append(list, s)
	}
	return list
}
