package core

import (
	"time"

	"woodfrog/core/image"
)

// DumpStats is what a dump has counted and timed.
type DumpStats struct {
	Freezing, Frozen, MemDump, MemWrite            time.Duration
	PagesScanned, PagesSkippedParent, PagesWritten uint64
	ShpagesScanned, ShpagesWritten                 uint64
}

// RestoreResult says what a restore has made.
type RestoreResult struct {
	Pid                                           int // of the root task, as the engine sees it
	PagesCompared, PagesSkippedCOW, PagesRestored uint64
	Forking, Restore                              time.Duration
}

// writeStats writes the statistics file of what has been done into the work directory, which may be that of the images. The work is
// done: a file that cannot be written is a warning.
func (o *Options) writeStats(images *image.Dir, kind image.Kind, entry *image.StatsEntry) {
	dir, err := images, error(nil)
	if o.WorkDir != o.ImagesDir {
		if dir, err = image.OpenDir(o.WorkDir); err == nil {
			defer dir.Close()
		}
	}
	if err == nil {
		err = dir.Write(kind, 0, entry)
	}
	if err != nil {
		o.Log.Warn("statistics", "err", err)
	}
}

// micros is a duration as CRIU counts it.
func micros(d time.Duration) uint32 { return uint32(d.Microseconds()) }

func (s *DumpStats) entry() *image.StatsEntry {
	return &image.StatsEntry{Dump: &image.DumpStatsEntry{
		FreezingTime:       micros(s.Freezing),
		FrozenTime:         micros(s.Frozen),
		MemdumpTime:        micros(s.MemDump),
		MemwriteTime:       micros(s.MemWrite),
		PagesScanned:       s.PagesScanned,
		PagesSkippedParent: s.PagesSkippedParent,
		PagesWritten:       s.PagesWritten,
		ShpagesScanned:     &s.ShpagesScanned,
		ShpagesWritten:     &s.ShpagesWritten,
	}}
}

func (r *RestoreResult) entry() *image.StatsEntry {
	return &image.StatsEntry{Restore: &image.RestoreStatsEntry{
		PagesCompared:   r.PagesCompared,
		PagesSkippedCow: r.PagesSkippedCOW,
		PagesRestored:   &r.PagesRestored,
		ForkingTime:     micros(r.Forking),
		RestoreTime:     micros(r.Restore),
	}}
}
