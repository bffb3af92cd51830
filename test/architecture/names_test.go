package architecture

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Words that the go command takes as a build constraint when a file's name ends in one (go help buildconstraint). Left
// out are the operating systems that nobody would write by chance here.
var (
	oses   = []string{"linux", "android", "darwin", "freebsd", "js", "netbsd", "openbsd", "plan9", "solaris", "windows", "unix"}
	arches = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc", "ppc64", "ppc64le",
		"riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"}
)

// TestNameConstraints: a name that constrains the build must be meant to, so the file says the same in a line of its own.
func TestNameConstraints(t *testing.T) {
	for _, name := range files(t, ".go", ".s") {
		stem := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), ".s"), "_test")
		parts := strings.Split(stem, "_")
		if len(parts) < 2 {
			continue
		}
		for _, word := range parts[max(1, len(parts)-2):] {
			last := word == parts[len(parts)-1]
			if !(last && slices.Contains(arches, word)) && !slices.Contains(oses, word) {
				continue
			}
			line := regexp.MustCompile(`(?m)^//go:build .*\b` + word + `\b`)
			if !line.MatchString(read(t, name)) && word != "linux" {
				t.Errorf("%s: the name limits the build to %s: add a //go:build line, or choose another name", name, word)
			}
		}
	}
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestGeneratedNames(t *testing.T) {
	for _, s := range sources(t) {
		if z := strings.HasPrefix(path.Base(s.name), "z"); z != generated.MatchString(s.text) {
			t.Errorf("%s: generated files, and only they, start with z", s.name)
		}
	}
}

const maxLines = 500

func TestFileLength(t *testing.T) {
	for _, name := range files(t, ".go", ".s") {
		text := read(t, name)
		if n := strings.Count(text, "\n"); n > maxLines && !generated.MatchString(text) {
			t.Errorf("%s: %d lines, more than %d: split it", name, n, maxLines)
		}
	}
}

// TestPackageNames: a package is named after what it holds, and one file of it says so.
func TestPackageNames(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		switch s.file.Name.Name {
		case "util", "utils", "common", "helper", "helpers", "manager", "handler", "misc":
			t.Errorf("%s: package %s: the name says nothing", s.name, s.file.Name.Name)
		}
		documented[s.pkg()] = documented[s.pkg()] || s.file.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", pkg)
		}
	}
}

// TestSkips: what a test may skip for is decided in one place, where a skip that should not happen is an error.
func TestSkips(t *testing.T) {
	skip := regexp.MustCompile(`\b[tb]\.Skip(f|Now)?\(`)
	for _, s := range sources(t) {
		if s.pkg() != "internal/testenv" && s.pkg() != "test/architecture" && skip.MatchString(s.text) {
			t.Errorf("%s: skips by itself: state the need through internal/testenv", s.name)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg() != "test/architecture" && regexp.MustCompile(`"[^"\n]*failed to`).MatchString(s.text) {
			t.Errorf("%s: an error names the object first and the cause last, without \"failed to\"", s.name)
		}
	}
}
