package main

import (
	"context"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// interruptible is a context that ends when a signal was noted. The engine asks Err; who waits for Done has it looked at every now and
// then.
type interruptible struct {
	context.Context
	caught *uint32
	done   func() <-chan struct{}
}

// interruptError says that the user, or who acts for him, wants an end.
type interruptError struct{ unix.Signal }

func (e interruptError) Error() string { return e.Signal.String() + " signal received" }

// Is makes it the error of a context.
func (interruptError) Is(target error) bool { return target == context.Canceled }

// interruptedBy has signals noted, but those that are ignored, and returns the context that they end. Further ones do nothing, so that what
// the engine has begun to undo is undone.
func interruptedBy(note arch.SignalNote, signals ...unix.Signal) context.Context {
	for _, sig := range signals {
		if !signal.Ignored(sig) {
			_ = linux.SetHandler(sig, note.Handler, note.Restorer)
		}
	}
	c := &interruptible{Context: context.Background(), caught: note.Caught}
	c.done = sync.OnceValue(c.watch)
	return c
}

// uninterrupted gives the signals their default action again. One that was noted when the engine heeded none any more has it now.
func uninterrupted(note arch.SignalNote, signals ...unix.Signal) {
	for _, sig := range signals {
		if !signal.Ignored(sig) {
			_ = linux.DefaultAction(sig)
		}
	}
	if sig := atomic.LoadUint32(note.Caught); sig != 0 {
		_ = unix.Kill(unix.Getpid(), unix.Signal(sig))
	}
}

func (c *interruptible) Err() error {
	if sig := atomic.LoadUint32(c.caught); sig != 0 {
		return interruptError{unix.Signal(sig)}
	}
	return nil
}

func (c *interruptible) Done() <-chan struct{} { return c.done() }

func (c *interruptible) watch() <-chan struct{} {
	const now = 10 * time.Millisecond
	done := make(chan struct{})
	go func() {
		for c.Err() == nil {
			time.Sleep(now)
		}
		close(done)
	}()
	return done
}
