package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core/image"
)

// TestProcessorOfImage: what the processor can do is written when it is asked for, and compared.
func TestProcessorOfImage(t *testing.T) {
	if host.Backend().CPU == nil {
		return // nothing to tell
	}
	f := newFrog(t, "sleep")
	file := filepath.Join(f.dir, "cpuinfo.img")
	f.dump("--cpu-cap=cpu")
	f.Gone()
	require.FileExists(t, file)
	asked, err := os.ReadFile(file)
	require.NoError(t, err)
	status, _, msg := f.woodfrog("restore", "-d", "--cpu-cap=all")
	require.Zero(t, status, msg)

	f.dump("--cpu-cap=cpu")
	f.Gone()
	dir, err := image.OpenDir(f.dir)
	require.NoError(t, err)
	defer dir.Close()
	e, err := image.ReadOne[image.CpuinfoEntry](dir, image.Cpuinfo, 0)
	require.NoError(t, err)
	e.X86Entry[0].Capability[6] = ^uint32(0) // no maker's processor has all of that
	require.NoError(t, dir.Write(image.Cpuinfo, 0, e))
	status, _, msg = f.woodfrog("restore", "-d")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "woodfrog: restore: processor: lacks instructions of the image's: ")
	status, _, msg = f.woodfrog("cpuinfo", "check")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "woodfrog: cpuinfo: processor: lacks instructions of the image's: ")
	status, _, msg = f.woodfrog("restore", "-d", "--cpu-cap=none")
	require.Zero(t, status, msg)

	f.dump()
	f.Gone()
	require.NoFileExists(t, file, "an older dump's")
	status, _, msg = f.woodfrog("restore", "-d", "--cpu-cap=ins")
	require.Equal(t, exitFailure, status)
	require.Contains(t, msg, "cpuinfo.img: not in the image")
	status, _, msg = f.woodfrog("cpuinfo", "dump")
	require.Zero(t, status, msg)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, asked, again)
	status, _, msg = f.woodfrog("restore", "-d", "--cpu-cap")
	require.Zero(t, status, msg)
	f.Alive()
	f.Check()
}
