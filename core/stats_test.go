package core

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/core/image"
)

func TestStatsFiles(t *testing.T) {
	o := Options{ImagesDir: t.TempDir()}.filled()
	images, err := image.OpenDir(o.ImagesDir)
	require.NoError(t, err)
	defer images.Close()
	o.writeStats(images, image.StatsDump, (&DumpStats{Freezing: 1500 * time.Microsecond, PagesWritten: 7, ShpagesWritten: 2}).entry())
	o.WorkDir = t.TempDir()
	o.writeStats(images, image.StatsDump, new(DumpStats).entry())
	o.WorkDir = o.ImagesDir
	o.writeStats(images, image.StatsRestore, (&RestoreResult{Restore: time.Second, PagesRestored: 9}).entry())

	dir, err := image.OpenDir(o.WorkDir)
	require.NoError(t, err)
	defer dir.Close()
	d, err := image.ReadOne[image.StatsEntry](dir, image.StatsDump, 0)
	require.NoError(t, err)
	require.Equal(t, []uint64{1500, 7, 2}, []uint64{uint64(d.Dump.FreezingTime), d.Dump.PagesWritten, *d.Dump.ShpagesWritten})
	r, err := image.ReadOne[image.StatsEntry](dir, image.StatsRestore, 0)
	require.NoError(t, err)
	require.Equal(t, []uint64{1000000, 9}, []uint64{uint64(r.Restore.RestoreTime), *r.Restore.PagesRestored})
}

func TestStatsThatCannotBeWrittenAreAWarning(t *testing.T) {
	var log bytes.Buffer
	o := Options{WorkDir: "/nowhere", Log: slog.New(slog.NewTextHandler(&log, nil))}.filled()
	o.writeStats(nil, image.StatsDump, new(DumpStats).entry())
	require.Regexp(t, `level=WARN msg=statistics err=.*/nowhere`, log.String())
}
