package architecture

import (
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
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
