package core

import (
	"sync/atomic"
	"time"
)

// progress tells Options.Progress now and then how far an operation is. A nil one, of an operation that nobody watches, tells
// nothing.
type progress struct {
	stage       atomic.Pointer[string]
	done, total atomic.Int64
	end         chan struct{}
}

// progressEvery is how often the watcher is told.
const progressEvery = 200 * time.Millisecond

// watch starts telling, if there is anyone to tell, until stop is called.
func (o *Options) watch() (p *progress, stop func()) {
	if o.Progress == nil {
		return nil, func() {}
	}
	p = &progress{end: make(chan struct{})}
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if s := p.stage.Load(); s != nil {
					o.Progress(*s, p.done.Load(), p.total.Load())
				}
			case <-p.end:
				return
			}
		}
	}()
	return p, func() { close(p.end); <-over }
}

// enter begins a stage, of which nothing is known yet.
func (p *progress) enter(stage string) {
	if p != nil {
		p.done.Store(0)
		p.total.Store(0)
		p.stage.Store(&stage)
	}
}

// of says how much the stage has to do.
func (p *progress) of(total int64) {
	if p != nil {
		p.total.Store(total)
	}
}

// add says that so much more of it is done.
func (p *progress) add(n int64) {
	if p != nil {
		p.done.Add(n)
	}
}
