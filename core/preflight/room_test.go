package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// A file system that is too small for what is sure to be written.
func TestNoRoom(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "plain", nil))
	require.NoError(t, unix.Mount("none", o.ImagesDir, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(o.ImagesDir, 0)) })
	all := found(t, o)
	require.Len(t, all, 1)
	require.Equal(t, "memory", all[0].Thing)
	require.Regexp(t, `^\d+ (KiB|MiB) of it have to be stored, and images .* has 64 KiB left$`, all[0].Cause)
}

func TestImagesDir(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "plain", nil))
	require.NoError(t, unix.Mount("none", o.ImagesDir, "tmpfs", unix.MS_RDONLY, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(o.ImagesDir, 0)) })
	all := found(t, o)
	require.Equal(t, Obstacles{{0, "images " + o.ImagesDir, "read-only file system", "choose another directory with --images-dir"}}, all)
}

func TestTooFewDescriptors(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "plain", nil))
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) })
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: fdsOfEngine + 1, Max: limit.Max}))
	all := found(t, o)
	require.Equal(t, Obstacles{{0, "woodfrog", "may open 65 files, and a tree of 1 tasks or more takes 66", "raise the limit before the dump: ulimit -n 65536"}}, all)
}
