package task

// Apart has work done on goroutines of its own while the caller, the tracer, makes the calls for it that only the tracer can make: a task
// that job control stops in the stub would never go on else.
func (tr *Tree) Apart(work func() error) (err error) {
	calls, done := make(chan func()), make(chan struct{})
	tr.leaveTo(calls)
	defer tr.leaveTo(nil)
	var panicked any
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = work()
	}()
	for {
		select {
		case call := <-calls:
			call()
		case <-done:
			if panicked != nil {
				panic(panicked) // to who holds the tasks
			}
			return err
		}
	}
}

func (tr *Tree) leaveTo(calls chan<- func()) {
	for _, t := range tr.Tasks {
		t.tracer = calls
	}
}

// byTracer calls f on the tracer's thread.
func (t *Task) byTracer(f func() error) error {
	if t.tracer == nil {
		return f()
	}
	result := make(chan error, 1)
	t.tracer <- func() { result <- f() }
	return <-result
}
