package workload_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

func TestPrograms(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, workload.Subreaper())
	bare, err := workload.BuildBare(ctx, t.TempDir())
	require.NoError(t, err)
	goroutines, err := workload.Native.BuildGoroutines(ctx, t.TempDir())
	require.NoError(t, err)
	for _, c := range []struct {
		bin  workload.Bin
		args string
	}{
		{bare, "spin 10"}, {bare, "registers"}, {bare, "sleep"}, {bare, "threads 20"}, {bare, "tree 3 2"}, {bare, "memory 4"}, {bare, "areas"}, {bare, "family 2"}, {bare, "files 50 10"},
		{goroutines, ""},
	} {
		name := filepath.Base(string(c.bin)) + " " + c.args
		dir := t.TempDir()
		p, err := c.bin.Start(ctx, dir, strings.Fields(c.args)...)
		require.NoError(t, err, name)
		require.NoError(t, p.Verify(ctx), name)
		require.NoError(t, workload.Reap(ctx, p.PID), name)
		require.ErrorIs(t, unix.Kill(p.PID, 0), unix.ESRCH, name)
	}
}

// TestProgramsNotice: a workload whose property was taken from it says so.
func TestProgramsNotice(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, workload.Subreaper())
	bare, err := workload.BuildBare(ctx, t.TempDir())
	require.NoError(t, err)
	dir := t.TempDir()
	p, err := bare.Start(ctx, dir, "files", "3", "1")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "faaab"), []byte("other"), 0o600))
	require.ErrorContains(t, p.Verify(ctx), "FAIL: a descriptor leads to another file")
	require.NoError(t, workload.Reap(ctx, p.PID))

	_, err = bare.Start(ctx, t.TempDir(), "no such program")
	require.ErrorContains(t, err, "no program of that name")
}
