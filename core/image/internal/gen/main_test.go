package main

import (
	"go/format"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is checked in is what the generator writes.
func TestGeneratedIsCurrent(t *testing.T) {
	files := protoFiles()
	for name, src := range map[string][]byte{
		"zmessages.go": messages(files), "ztables.go": tables(files), "zmessages_test.go": testTable(files),
	} {
		want, err := format.Source(src)
		require.NoError(t, err)
		got, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run go generate", name)
	}
}
