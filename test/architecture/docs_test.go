package architecture

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
)

// TestDocumentLinks: each link to a place in the tree finds a file, and the heading it names.
func TestDocumentLinks(t *testing.T) {
	for _, name := range files(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, name), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			info, err := fs.Stat(root, target)
			if err != nil {
				t.Errorf("%s: link %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && (info.IsDir() || !anchors(read(t, target))[anchor]) {
				t.Errorf("%s: link %s: no such heading", name, m[1])
			}
		}
	}
}

// anchors are the names that code hosts give to a document's headings: lower case, blanks as hyphens, no punctuation.
func anchors(text string) map[string]bool {
	set := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		set[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h[1])] = true
	}
	return set
}

// TestPackagesInDocuments: a path in backquotes that looks like a place in the tree is one.
func TestPackagesInDocuments(t *testing.T) {
	place := regexp.MustCompile("`((?:arch|compat|core|cmd|internal|test|packaging)(?:/[a-zA-Z0-9_.]+)*)/?`")
	for _, name := range files(t, ".md") {
		for _, m := range place.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := fs.Stat(root, m[1]); err != nil {
				t.Errorf("%s: `%s` is not there", name, m[1])
			}
		}
	}
}

// TestTestsInDocuments: a test that a document names is there.
func TestTestsInDocuments(t *testing.T) {
	name := regexp.MustCompile("`(Test[A-Z]\\w*)`")
	have := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				have[f.Name.Name] = true
			}
		}
	}
	found := 0
	for _, doc := range files(t, ".md") {
		for _, m := range name.FindAllStringSubmatch(read(t, doc), -1) {
			found++
			require.True(t, have[m[1]], "%s: there is no %s", doc, m[1])
		}
	}
	require.NotZero(t, found)
}

// TestStagesDocumented: ARCHITECTURE.md numbers the stages of dump and restore as the code runs them.
func TestStagesDocumented(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	for _, s := range sources(t) {
		if s.name != "core/dump.go" && s.name != "core/restore.go" {
			continue
		}
		var stages []string
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || lit.Type != nil || len(lit.Elts) != 2 {
				return true
			}
			name, isName := lit.Elts[0].(*ast.BasicLit)
			if _, isMethod := lit.Elts[1].(*ast.SelectorExpr); isName && isMethod {
				stage, err := strconv.Unquote(name.Value)
				require.NoError(t, err)
				stages = append(stages, fmt.Sprintf("%d. **%s**: ", len(stages)+1, stage))
			}
			return true
		})
		require.NotEmpty(t, stages, s.name)
		rest := text
		for _, stage := range stages {
			_, after, ok := strings.Cut(rest, stage)
			require.True(t, ok, "%s: %q is not described, or not in its place", s.name, stage)
			rest = after
		}
	}
}

// TestPackagesDocumented: the table of packages in ARCHITECTURE.md leaves none out.
func TestPackagesDocumented(t *testing.T) {
	text, seen := read(t, "ARCHITECTURE.md"), map[string]bool{}
	for _, s := range sources(t) {
		pkg := s.pkg()
		if seen[pkg] || pkg == "." || strings.HasPrefix(pkg, "test/") || strings.Contains(pkg, "/internal/") || strings.HasSuffix(pkg, "/cmd") {
			continue
		}
		seen[pkg] = true
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + pkg + "`").MatchString(text) {
			t.Errorf("ARCHITECTURE.md: package %s is not in the table", pkg)
		}
	}
}

// TestTargetsDocumented: every target of the magefile says what it does, in its comment and in CONTRIBUTING.md.
func TestTargetsDocumented(t *testing.T) {
	contributing := read(t, "CONTRIBUTING.md")
	targets := 0
	for _, s := range sources(t) {
		if s.name != "magefile.go" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			targets++
			require.True(t, strings.HasPrefix(f.Doc.Text(), f.Name.Name+" "), "target %s: its comment starts with its name", f.Name)
			require.Contains(t, contributing, "go tool mage "+strings.ToLower(f.Name.Name), "CONTRIBUTING.md")
		}
	}
	require.NotZero(t, targets)
}

// TestNoLocalPaths: nothing names a place that exists only on the machine where it was written.
func TestNoLocalPaths(t *testing.T) {
	top, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	for _, name := range files(t) {
		text := read(t, name)
		for _, dir := range []string{top, home} {
			if regexp.MustCompile(`(^|[^\w./])` + regexp.QuoteMeta(dir) + `/\w`).MatchString(text) {
				t.Errorf("%s: names %s", name, dir)
			}
		}
	}
}
