package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// A job is one start of a machine.
type job struct {
	machine machine
	task    *task
}

// doAll boots machines, some at a time, and collects what their guests say, in the order of the jobs.
func doAll(ctx context.Context, jobs []job) []*result {
	at := max(*parallel, 1)
	if *verbose {
		at = 1
	}
	results := make([]*result, len(jobs))
	done := make([]chan bool, len(jobs))
	for i := range done {
		done[i] = make(chan bool)
	}
	running := make(chan bool, at)
	go func() {
		for i, j := range jobs {
			running <- true
			go func() {
				results[i] = j.do(ctx)
				<-running
				close(done[i])
			}()
		}
	}()
	for i := range jobs {
		<-done[i]
		results[i].show()
	}
	return results
}

func (j job) do(ctx context.Context) *result {
	r := &result{machine: j.machine, cargo: map[string][]byte{}}
	start := time.Now()
	fmt.Fprintf(os.Stderr, "%s: begins\n", j.machine.name())
	r.err = j.machine.run(ctx, j.task, r)
	fmt.Fprintf(os.Stderr, "%s: ended after %v\n", j.machine.name(), time.Since(start).Round(time.Second))
	return r
}

// show prints what a machine wrote that did not do well.
func (r *result) show() {
	if !*verbose && r.failed() && len(r.said) > 0 {
		fmt.Printf("---- %s\n%s\n----\n", r.machine.name(), strings.Join(r.said, "\n"))
	}
	if r.err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", r.machine.name(), r.err)
	}
}
