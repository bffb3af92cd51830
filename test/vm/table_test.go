package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	old    = machine{arch: "arm64", series: "5.10"}
	recent = machine{arch: "arm64", series: "6.12", page: "16"}
)

func aTable() table {
	return table{
		{machine: old, release: "5.10.0-1-arm64", took: 3 * time.Second, checks: []outcome{{name: "stub"}, {name: "tree", skipped: "program bare: not written"}}},
		{machine: recent, release: "6.12.1-arm64", took: time.Minute, checks: []outcome{{name: "tree", skipped: "program bare: not written"}, {name: "shell", failure: "no"}}},
	}
}

func TestGrid(t *testing.T) {
	var b strings.Builder
	aTable().grid().print(&b)
	require.Equal(t, `machine         kernel          seconds  stub  tree  shell
arm64/5.10      5.10.0-1-arm64  3        ok    skip  -
arm64/6.12/16k  6.12.1-arm64    60       -     skip  FAIL
tree: program bare: not written (arm64/5.10, arm64/6.12/16k)
shell: no (arm64/6.12/16k)
`, b.String())
	require.False(t, aTable().ok())
	require.True(t, aTable()[:1].ok())
	require.False(t, table{}.ok())
	require.False(t, table{{machine: old}}.ok(), "a machine that says nothing")
}

func TestInsert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(file, []byte("before\n"+beginTables+"old\n"+endTables+"after\n"), 0o600))
	tables := func([]*grid) ([]*grid, error) {
		return []*grid{{head: []string{"a", "b"}, rows: [][]string{{"1", "2"}}}, {head: []string{"c"}, remarks: []string{"so"}}}, nil
	}
	require.NoError(t, insert(file, tables))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "before\n"+beginTables+"| a | b |\n|---|---|\n| 1 | 2 |\n\n| c |\n|---|\n\n- so\n"+endTables+"after\n", string(b))
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	require.ErrorContains(t, insert(file, tables), "no marks")
}

// TestAgain: the row of a machine that was run again takes the old one's place, as do the remarks on it.
func TestAgain(t *testing.T) {
	pairs := &grid{head: []string{"x: from", "to arm64/5.10 and back"}, rows: [][]string{{"arm64/5.10", ""}}, remarks: []string{"x@arm64-5.10: no (answer)"}}
	old := parseGrids(aTable().grid().markdown() + "\n" + pairs.markdown() + "\n" + pairs.markdown())
	require.Equal(t, []*grid{aTable().grid(), pairs, pairs}, old)
	better := table{{machine: recent, release: "6.12.2-arm64", took: time.Minute, checks: []outcome{{name: "stub", skipped: "no processor"}, {name: "shell"}}}}
	require.NoError(t, replace(old, better.grid()))
	require.Equal(t, []string{"arm64/6.12/16k", "6.12.2-arm64", "60", "skip", "skip", "ok"}, old[0].rows[1])
	require.Equal(t, aTable().grid().rows[0], old[0].rows[0])
	require.Equal(t, []string{"tree: program bare: not written (arm64/5.10)", "stub: no processor (arm64/6.12/16k)"}, old[0].remarks)
	require.Equal(t, pairs, old[1])
	require.ErrorContains(t, replace(old, &grid{head: []string{"machine", "other"}}), "no table has the columns machine, other")
	require.ErrorContains(t, replace(old, &grid{head: []string{"machine"}, rows: [][]string{{"none"}}}), "none: no row")
}

// TestJourneys: a traveller that does not get through is told by the leg on which that was.
func TestJourneys(t *testing.T) {
	a, b := old, recent
	c := &circle{machines: []machine{a, b}, names: []string{"x", "y"}, outcomes: map[string]outcome{}}
	for _, l := range []string{leg("x", a), leg("x", a, b), leg("x", a, b, a), leg("y", a), leg("y", a, b), leg("y", a, b, a), leg("x", b), leg("y", b), leg("y", b, a), leg("y", b, a, b)} {
		c.outcomes[l] = outcome{name: l}
	}
	cell, short := c.cell(a, b)
	require.Equal(t, "ok", cell)
	require.Empty(t, short)
	cell, _ = c.cell(b, a)
	require.Equal(t, "FAIL", cell)
	require.Equal(t, []string{"no answer (x@arm64-6.12-16k@arm64-5.10)"}, c.grid().remarks)
	require.False(t, c.ok())
	c.outcomes[leg("x", b)] = outcome{name: leg("x", b), skipped: "not written"}
	cell, _ = c.cell(b, a)
	require.Equal(t, "skip", cell)
	require.True(t, c.ok())
}

// TestJourneysOfArm: who cannot begin at a comes from b.
func TestJourneysOfArm(t *testing.T) {
	a, b := old, machine{arch: "armhf", series: "6.1"}
	c := &circle{machines: []machine{a, b}, names: []string{"x"}, outcomes: map[string]outcome{}}
	for _, l := range []string{leg("x", b), leg("x", b, a), leg("x", b, a, b)} {
		c.outcomes[l] = outcome{name: l}
	}
	cell, _ := c.cell(b, a)
	require.Equal(t, "ok", cell)
	cell, _ = c.cell(a, b)
	require.Equal(t, "FAIL", cell)
	require.Equal(t, []string{"no answer (x@armhf-6.1@arm64-5.10@armhf-6.1@arm64-5.10)"}, c.grid().remarks)
	c.outcomes[leg("x", b, a, b, a)] = outcome{}
	require.True(t, c.ok())
}
