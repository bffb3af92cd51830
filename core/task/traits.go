package task

import (
	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// defaultSlack is the timer slack of tasks whose ancestors never changed it, ns (init/init_task.c).
const defaultSlack = 50_000

// Traits is what is unusual about t, or nil.
func (t *Task) Traits() *image.TraitsEntry {
	e := &image.TraitsEntry{}
	if s := uint32(t.Stat.ExitSignal); s != uint32(unix.SIGCHLD) && t.Parent != nil {
		e.ExitSignal = &s
	}
	for _, th := range t.Threads {
		if slack := uint64(th.Facts.slack.Result()); slack != defaultSlack {
			e.Threads = append(e.Threads, &image.ThreadTraits{Tid: uint32(th.Tid), TimerSlack: slack})
		}
	}
	if e.ExitSignal == nil && len(e.Threads) == 0 {
		return nil
	}
	return e
}
