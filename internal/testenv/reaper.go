package testenv

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Subreaper makes this process the parent of all orphans below it for the time of the test and takes their exit status at once, so that the
// PIDs of what was killed are free for a restore; init takes a second or two for that on some systems.
//
// It reaps zombies in sessions other than ours and leaves two kinds to those that wait for them: programs that a test ran by
// os/exec, which are in our session, and zombies that still have a tracer.
func Subreaper(t testing.TB) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatalf("subreaper: %v", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGCHLD)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		// A tracer that lets go of a zombie sends no second SIGCHLD.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-signals:
			case <-tick.C:
			case <-stop:
				return
			}
			reap()
		}
	}()
	t.Cleanup(func() {
		signal.Stop(signals)
		close(stop)
		<-stopped
		reap()
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	})
}

func reap() {
	ours, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for _, p := range children() {
		if p.state == "Z" && p.session != ours && !traced(p.pid) {
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
	}
}

func traced(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || !strings.Contains(string(b), "\nTracerPid:\t0\n")
}
