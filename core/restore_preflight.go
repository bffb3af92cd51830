package core

import (
	"errors"

	"woodfrog/core/preflight"
	"woodfrog/core/tree"
)

// preflight returns all obstacles at once: files that could not be opened, and what tells before a task is made. A plan takes the
// files and an architecture that the tasks run on; it is printed whatever else is in the way of carrying it out.
func (r *restore) preflight() error {
	if err := r.engineProperties(); err != nil {
		return err
	}
	err := r.planShape()
	var shape *tree.Error
	switch {
	case errors.As(err, &shape):
		r.found = append(r.found, Obstacle{Pid: shape.Pid, Thing: "process tree", Cause: shape.Cause, Remedy: shape.Remedy})
	case err != nil:
		return err
	}
	if r.planOnly {
		r.found = append(r.found, preflight.Foreign(r.image.set, r.backend.ABIs)...)
		return r.found.Err()
	}
	r.found = append(r.found, r.obstacles()...)
	o := preflight.RestoreOptions{Set: r.image.set, ABIs: r.backend.ABIs, Facts: &r.facts, Engine: &r.engine}
	if r.backend.Xstate != nil {
		o.Xstate = r.backend.Xstate()
	}
	err = preflight.Restore(r.ctx, o)
	var more Obstacles
	if err != nil && !errors.As(err, &more) {
		return err
	}
	r.found = append(r.found, more...)
	more = nil
	if err := checkCPU(r.backend, r.dir, r.o.CPUCap); err != nil && !errors.As(err, &more) {
		return err
	}
	r.found = append(r.found, more...)
	if r.found.OwnThreads() {
		return &TakenError{r.found, r.lastNumber()}
	}
	return r.found.Err()
}

// A TakenError says that nothing keeps a tree from being restored but numbers of its threads that threads of this process have, or that
// somebody has for a moment. A program that executes itself again has threads with other numbers.
type TakenError struct {
	Err  error
	Last int // the largest number in the image
}

func (e *TakenError) Error() string { return e.Err.Error() }

// Unwrap lets errors.As find what is the matter.
func (e *TakenError) Unwrap() error { return e.Err }

func (r *restore) lastNumber() (last int) {
	for _, t := range r.image.set.Tasks {
		for _, th := range t.Threads {
			last = max(last, th.Tid)
		}
	}
	return last
}
