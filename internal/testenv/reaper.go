package testenv

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reaper is the one that Subreaper starts for whoever comes first, and ends with whoever is last.
var reaper struct {
	sync.Mutex
	users int
	end   func()
}

// Subreaper makes this process the parent of all orphans below it for the time of the test and takes their exit status at once, so that the
// PIDs of what was killed are free for a restore; init takes a second or two for that on some systems.
//
// It reaps zombies in sessions other than ours and leaves two kinds to those that wait for them: programs that a test ran by
// os/exec, which are in our session, and zombies that still have a tracer.
func Subreaper(t testing.TB) {
	t.Helper()
	reaper.Lock()
	defer reaper.Unlock()
	if reaper.users == 0 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			t.Fatalf("subreaper: %v", err)
		}
		reaper.end = startReaper()
	}
	reaper.users++
	t.Cleanup(func() {
		reaper.Lock()
		defer reaper.Unlock()
		if reaper.users--; reaper.users == 0 {
			reaper.end()
			_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
		}
	})
}

func startReaper() (end func()) {
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
	return func() {
		signal.Stop(signals)
		close(stop)
		<-stopped
		reap()
	}
}

// looking is held by who reads /proc, so that its descriptors are nobody's leak.
var looking sync.Mutex

func reap() {
	// One call tells that there is nothing to do, as is so most of the time: processors that are emulated have better to do than to read lists.
	var zombie unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &zombie, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil); err != nil || zombie.Signo == 0 {
		return
	}
	looking.Lock()
	defer looking.Unlock()
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
