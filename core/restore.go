package core

import (
	"context"
	"errors"
	"time"

	"woodfrog/arch"
)

// RestoreResult says what a restore has made.
type RestoreResult struct {
	Pid                                           int // of the root task, as the engine sees it
	PagesCompared, PagesSkippedCOW, PagesRestored uint64
	Forking, Restore                              time.Duration
}

// Restore makes the tree of the image files.
func Restore(ctx context.Context, b *arch.Backend, o Options) (RestoreResult, error) {
	return RestoreResult{}, errors.New("not built yet")
}
