package procfs

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files from what the parsers say now")

// A parser under test. Its name is the directory of its recordings below testdata: for each, NAME.json is what it must parse to.
// 6.18 recordings are from a kernel, others are made up in the shape that the kernel's source prints.
type parser struct {
	name  string
	parse func([]byte) (any, error)
}

func as[T any](parse func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { return parse(b) }
}

var parsers = []parser{
	{"maps", as(ParseMaps)},
	{"smaps", as(ParseSmaps)},
	{"stat", as(ParseStat)},
	{"status", as(ParseStatus)},
	{"limits", as(ParseLimits)},
	{"fdinfo", as(ParseFdinfo)},
	{"timers", as(ParseTimers)},
	{"mountinfo", as(ParseMountinfo)},
	{"locks", as(ParseLocks)},
	{"cgroup", as(ParseCgroup)},
	{"idmap", as(ParseIDMap)},
	{"children", as(ParseChildren)},
	{"syscall", as(ParseSyscall)},
	{"strings", as(parseStrings)},
	{"auxv", as(func(b []byte) ([]Auxv, error) { return ParseAuxv(b, 8) })},
	{"auxv32", as(func(b []byte) ([]Auxv, error) { return ParseAuxv(b, 4) })},
}

// recordings gives the recorded files of a parser, by name.
func recordings(t testing.TB, name string) map[string][]byte {
	paths, err := filepath.Glob(filepath.Join("testdata", name, "*"))
	require.NoError(t, err)
	files := make(map[string][]byte)
	for _, path := range paths {
		if strings.HasSuffix(path, ".json") {
			continue
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		files[path] = b
	}
	require.NotEmpty(t, files, "no recordings of %s", name)
	return files
}

func TestGolden(t *testing.T) {
	for _, p := range parsers {
		for path, b := range recordings(t, p.name) {
			t.Run(path, func(t *testing.T) {
				v, err := p.parse(b)
				require.NoError(t, err)
				// What is returned must not hang on to the reader's buffer.
				clear(b)
				got, err := json.MarshalIndent(v, "", " ")
				require.NoError(t, err)
				if *update {
					require.NoError(t, os.WriteFile(path+".json", append(got, '\n'), 0o644))
				}
				want, err := os.ReadFile(path + ".json")
				require.NoError(t, err)
				require.Equal(t, string(want), string(got)+"\n")
			})
		}
	}
}

// Every prefix of a recording parses or is an error; none is a panic.
func TestTruncated(t *testing.T) {
	for _, p := range parsers {
		for path, b := range recordings(t, p.name) {
			step := max(1, len(b)/500)
			for i := 0; i < len(b); i += step {
				require.NotPanics(t, func() { _, _ = p.parse(b[:i]) }, "%s cut after %d bytes", path, i)
			}
		}
	}
}
