package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// threads is how many threads of the worker count, each into the same file in its turn.
const threads = 4

// worker counts into its file, a different thread at each number, and tells its child through a pipe.
func worker() error {
	file, err := os.OpenFile("worker", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	// Package os would keep a pidfd of the child, which cannot be carried.
	files := []uintptr{r.Fd(), os.Stdout.Fd(), os.Stderr.Fd()}
	if _, err := syscall.ForkExec(self, []string{self, "listener"}, &syscall.ProcAttr{Files: files}); err != nil {
		return fmt.Errorf("%s listener: %w", self, err)
	}
	r.Close()

	turn := make(chan int)
	broken := make(chan error, threads+1)
	for range threads {
		go func() {
			runtime.LockOSThread()
			for n := range turn {
				// No O_APPEND: the offset itself has to come back.
				if _, err := fmt.Fprintln(file, n); err != nil {
					broken <- err
				}
				if err := binary.Write(w, binary.LittleEndian, int64(n)); err != nil {
					broken <- err
				}
				time.Sleep(100 * time.Millisecond)
				turn <- n + 1
			}
		}()
	}
	turn <- 1
	return <-broken
}

// listener writes down what comes through the pipe.
func listener() error {
	file, err := os.OpenFile("child", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	for {
		var n int64
		if err := binary.Read(os.Stdin, binary.LittleEndian, &n); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(file, n); err != nil {
			return err
		}
	}
}
