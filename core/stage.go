package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"woodfrog/core/stub"
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
			return outOfFiles(err)
		}
		o.Log.Info("stage done", "stage", s.name)
	}
	return nil
}

// outOfFiles says what to do about an error of an engine that may open no more files.
func outOfFiles(err error) error {
	var inTask *stub.SyscallError
	if !errors.Is(err, unix.EMFILE) || errors.As(err, &inTask) {
		return err
	}
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return Obstacles{{Thing: "woodfrog", Cause: fmt.Sprintf("may open %d files: %v", limit.Cur, err), Remedy: "raise the limit before: ulimit -n 65536"}}
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
// runs there when the caller goes on already; of a process that is ending nothing runs any more, and the caller's thread will do.
func onTracer(ending bool, f func() (rest func())) {
	if ending {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
		return
	}
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
