package core

import (
	"context"
	"errors"
	"time"

	"woodfrog/arch"
)

// DumpStats is what a dump has counted and timed.
type DumpStats struct {
	Freezing, Frozen, MemDump, MemWrite            time.Duration
	PagesScanned, PagesSkippedParent, PagesWritten uint64
}

// Dump writes the tree below pid into image files.
func Dump(ctx context.Context, b *arch.Backend, pid int, o Options) (DumpStats, error) {
	return DumpStats{}, errors.New("not built yet")
}
