package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"woodfrog/test/workload"
)

// proxyCycles are how a program is restored by turns: with trampolines that are near, near again, far, and then at home.
var proxyCycles = []string{"vdso:trampolines", "vdso:trampolines", "vdso:trampolines,far", "vdso:trampolines", ""}

// proxy makes a program a proxy again and again, and brings it home: what is mapped of the vDSO is what is to be, and nothing is left of it.
func proxy(args ...string) error {
	return withProgram("../init", args, func(ctx context.Context, dir string, p *workload.Process) error {
		before, err := codeAreas(p.PID)
		if err != nil {
			return err
		}
		var first []string
		for i, fault := range proxyCycles {
			if err := refreeze(ctx, p.PID, images(dir, i), fault); err != nil {
				return err
			}
			time.Sleep(300 * time.Millisecond)
			now, err := codeAreas(p.PID)
			if err != nil {
				return err
			}
			if first == nil {
				first = now
			}
			if fault == "" {
				if !slices.Equal(before, now) {
					return fmt.Errorf("at home it has %q, before it had %q", now, before)
				}
			} else if len(first) != len(now) || slices.Equal(before, now) {
				return fmt.Errorf("cycle %d: a proxy with %q, after the first it had %q", i, now, first)
			}
		}
		return p.Verify(ctx)
	})
}

// refreeze dumps a program and restores it with a fault.
func refreeze(ctx context.Context, pid int, images, fault string) error {
	if err := run("/bin/woodfrog", "dump", "-v4", "-t", fmt.Sprint(pid), "-D", images); err != nil {
		return err
	}
	if err := workload.Reap(ctx, pid); err != nil {
		return err
	}
	if fault != "" {
		_ = os.Setenv("WOODFROG_FAULT", fault)
		defer os.Unsetenv("WOODFROG_FAULT")
	}
	return run("/bin/woodfrog", "restore", "-v4", "-d", "-D", images)
}

// codeAreas are the areas of the vDSO, and those without a name that cannot be written: what a proxy is made of.
func codeAreas(pid int) (list []string, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	for line := range strings.Lines(string(maps)) {
		w := strings.Fields(line)
		if len(w) == 5 && !strings.Contains(w[1], "w") && strings.Contains(w[1], "r") || len(w) > 5 && strings.HasPrefix(w[5], "[v") {
			list = append(list, strings.Join(append(w[:2:2], w[5:]...), " "))
		}
	}
	return list, err
}

// clock is a workload of the guest's own: threads do little but ask for the time, which never goes back.
func clock() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	runtime.GOMAXPROCS(3)
	var wrong, over atomic.Int32
	done := make(chan bool)
	for range 2 {
		go func() {
			for last := time.Now(); over.Load() == 0; {
				now := time.Now()
				if now.Before(last) || now.Round(0).Year() < 2020 {
					wrong.Add(1)
				}
				last = now
			}
			done <- true
		}()
	}
	fmt.Println("ready")
	<-stop
	over.Store(1)
	<-done
	<-done
	if wrong.Load() > 0 {
		fmt.Println("FAIL: the time went back", wrong.Load(), "times")
		os.Exit(1)
	}
	fmt.Println("PASS")
}
