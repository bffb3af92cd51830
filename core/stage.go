package core

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// A stage is one step of a dump or a restore. What it has to undo if a later one fails it registers itself.
type stage struct {
	name string
	run  func() error
}

func names(stages []stage) (list []string) {
	for _, s := range stages {
		list = append(list, s.name)
	}
	return list
}

// runStages runs stages in order until one fails or ctx ends.
func runStages(ctx context.Context, o *Options, f *fault, p *progress, stages []stage) error {
	for _, s := range stages {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.enter(s.name)
		err := f.at(s.name)
		if err == nil {
			err = o.guarded(s.name, s.run)
		}
		if err != nil {
			return err
		}
		o.Log.Debug("stage done", "stage", s.name)
	}
	return nil
}

// guarded makes a panic of f an error: whoever holds tasks has to let go of them before it ends.
func (o *Options) guarded(what string, f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			o.Log.Error("panic", "stage", what, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %w", what, p)
		case error: // thrown by us, where an error on each of many calls would only be in the way
			err = fmt.Errorf("%s: %w", what, p)
		default:
			o.Log.Error("panic", "stage", what, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %v", what, p)
		}
	}()
	return f()
}

// onTracer runs f on an OS thread that f has for itself: ptrace answers only the thread that seized a task. What f returns
// runs there when the caller goes on already.
func onTracer(f func() (rest func())) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		rest := f()
		close(done)
		if rest != nil {
			rest()
		}
	}()
	<-done
}
