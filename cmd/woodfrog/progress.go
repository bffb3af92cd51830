package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress is one line on a terminal that is written again and again while a long operation runs.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	next  time.Time // when it may be written next
	shown bool
}

// A short operation shows nothing; a long one is shown a few times a second.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

func newProgress(w io.Writer) *progress {
	return &progress{w: w, next: time.Now().Add(progressAfter)}
}

// update is core.Options.Progress.
func (p *progress) update(stage string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(progressEvery), true
	const home = "\r\x1b[K" // to the first column, erase the line
	switch {
	case total > 0:
		fmt.Fprintf(p.w, home+"%s: %d%%", stage, 100*done/total)
	case done > 0:
		fmt.Fprintf(p.w, home+"%s: %d", stage, done)
	default:
		fmt.Fprintf(p.w, home+"%s", stage)
	}
}

// clear takes the line off the terminal. A nil progress shows nothing.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
