package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFigure(t *testing.T) {
	turns := []turn{{imageBytes: 9}, {imageBytes: 1}, {imageBytes: 4}, {imageBytes: 2}}
	require.Equal(t, figure{N: 4, Min: 1, Median: 3, Max: 9}, figureOf(turns, func(t turn) int64 { return t.imageBytes }))
	require.Equal(t, figure{}, figureOf(nil, func(t turn) int64 { return t.imageBytes }))
}

func TestRows(t *testing.T) {
	ours := &engineResult{Dump: figure{N: 1, Median: 2000}, DumpCalls: &figure{N: 1, Median: 100}}
	theirs := &engineResult{Dump: figure{N: 1, Median: 7000}, DumpCalls: &figure{N: 1, Median: 964}}
	r := &report{Engines: []string{"woodfrog", "criu"}, Cases: []caseResult{
		{Name: "small", Engines: map[string]*engineResult{"woodfrog": ours, "criu": theirs}},
		{Name: "big", Engines: map[string]*engineResult{"woodfrog": ours, "criu": {Error: "no"}}},
	}}
	rows := r.rows()
	require.Len(t, rows, 7)
	require.Equal(t, []string{"small", "woodfrog", "2.0", "-", "-", "100"}, rows[1][:6])
	require.Equal(t, []string{"small", "criu", "7.0", "-", "-", "964"}, rows[2][:6])
	require.Equal(t, []string{"small", "ratio", "3.5x", "-", "-", "9.6x"}, rows[3][:6])
	require.Equal(t, []string{"big", "criu", "failed"}, rows[5][:3])
	require.Equal(t, []string{"big", "ratio", "-"}, rows[6][:3])
}

func TestInsert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	require.NoError(t, os.WriteFile(file, []byte("a\n"+beginFigures+"old\n"+endFigures+"b\n"), 0o600))
	require.NoError(t, insert(file, "new\n"))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "a\n"+beginFigures+"new\n"+endFigures+"b\n", string(b))

	require.NoError(t, os.WriteFile(file, []byte("no marks"), 0o600))
	require.ErrorContains(t, insert(file, "new\n"), "no marks")
}
