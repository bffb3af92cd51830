package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// TestDumpKilled: wherever an engine is killed, the tasks run on with their registers and memory. At most the area of the
// stub is left, and the next dump removes it.
func TestDumpKilled(t *testing.T) { testenv.Each(t, testDumpKilled) }

func testDumpKilled(t *testing.T) {
	for i, c := range append(slices.Clip(victims), interrupted, goroutines) {
		t.Run(c.name, func(t *testing.T) {
			v := start(t, c.args)
			v.kept = v.keeps()
			step := every(23)
			var before string
			for n := 1 + i%step; ; n += step {
				r := v.supervise(fmt.Sprintf("dump %d", v.PID), n, unix.SIGKILL)
				if !r.reached {
					require.Zero(t, r.status.ExitStatus(), "%s, after an engine that was killed at %s: %s", r.msg, before, v.output())
					break
				}
				require.True(t, r.status.Signaled(), "%s: %s", r.where, r.msg)
				v.survives(r.where)
				before = r.where
			}
			require.NoError(t, v.dump(t.Context(), ""))
			require.Empty(t, v.leftovers())
			v.freeze()
			v.thaw()
		})
	}
}

// TestDumpKilledStopped: a task that job control has stopped does not run while the engine dies.
func TestDumpKilledStopped(t *testing.T) { testenv.Each(t, testDumpKilledStopped) }

func testDumpKilledStopped(t *testing.T) {
	v := start(t, "registers")
	require.NoError(t, unix.Kill(v.PID, unix.SIGSTOP))
	stopped := func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.PID))
		return strings.Contains(string(status), "\nState:\tT")
	}
	require.Eventually(t, stopped, 30*time.Second, time.Millisecond)
	rounds := v.rounds()
	step := every(11)
	for n := 1; ; n += step {
		r := v.supervise(fmt.Sprintf("dump %d", v.PID), n, unix.SIGKILL)
		if !r.reached {
			require.Zero(t, r.status.ExitStatus(), r.msg)
			break
		}
		require.Eventually(t, func() bool { return !v.traced() && stopped() }, 30*time.Second, time.Millisecond, r.where)
		require.Equal(t, rounds, v.rounds(), r.where)
	}
	require.NoError(t, unix.Kill(v.PID, unix.SIGCONT))
	v.goesOn()
	v.Check()
}

// TestDumpKilledWhileEnding: an engine that is killed when the image is there leaves all tasks or none. No call of the kernel tells all of them at
// once that they are to die with the engine, so between the first that does and the last it may leave some.
func TestDumpKilledWhileEnding(t *testing.T) { testenv.Each(t, testDumpKilledWhileEnding) }

func testDumpKilledWhileEnding(t *testing.T) {
	v := start(t, "tree 3 2")
	end := fmt.Sprintf("end %d", v.PID)
	doomed := 0
	for n := 1; ; n += every(9) {
		r := v.supervise(end, n, unix.SIGKILL)
		switch {
		case r.options == v.tasks:
			doomed++
		case r.options > 0:
			for _, pid := range v.Tasks() {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		v.allOrNothing(r.where)
		require.NoError(t, v.restore(t.Context(), ""))
		v.goesOn()
		if !r.reached {
			break
		}
	}
	require.Greater(t, doomed, 1)
	v.Check()
}

// survives fails the test unless the tasks go on after their engine was killed.
func (v *victim) survives(where string) {
	v.t.Helper()
	require.Eventually(v.t, func() bool { return !v.traced() }, 30*time.Second, time.Millisecond, where)
	require.NotContains(v.t, v.output(), "FAIL", where)
	v.On(v.t).Alive()
	v.goesOn()
	require.LessOrEqual(v.t, len(v.leftovers()), 2*len(v.Tasks()), where)
	require.EventuallyWithT(v.t, func(c *assert.CollectT) { assert.Equal(c, v.kept, v.keeps()) }, 30*time.Second, time.Millisecond, where)
}

// keeps is what a task keeps when its engine is killed, apart from what the workloads see themselves: descriptors and signals.
func (v *victim) keeps() (list []string) {
	for _, pid := range v.Tasks() {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			target, _ := os.Readlink(fd)
			list = append(list, fd+" "+target)
		}
		if v.args[0] == "goroutines" || len(v.args) > 1 && v.args[0] == "registers" {
			continue // threads come and go, or signals
		}
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, name := range threads {
			b, _ := os.ReadFile(name)
			for line := range strings.Lines(string(b)) {
				// SigQ counts those of the user
				if strings.HasPrefix(line, "Sig") && !strings.HasPrefix(line, "SigQ") || strings.HasPrefix(line, "Shd") {
					list = append(list, name+" "+line)
				}
			}
		}
	}
	return list
}

func (v *victim) traced() bool {
	for _, pid := range v.Tasks() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if !strings.Contains(string(b), "\nTracerPid:\t0\n") {
			return true
		}
	}
	return false
}

// leftovers are the areas of stubs: these workloads have no shared memory of their own.
func (v *victim) leftovers() (list []string) {
	for _, pid := range v.Tasks() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, "/dev/zero (deleted)") {
				list = append(list, line)
			}
		}
	}
	return list
}

// TestRestoreKilled: wherever an engine is killed that makes tasks, none is left, unless it has let go of all.
func TestRestoreKilled(t *testing.T) { testenv.Each(t, testRestoreKilled) }

func testRestoreKilled(t *testing.T) {
	for i, c := range victims {
		t.Run(c.name, func(t *testing.T) {
			v := start(t, c.args)
			v.freeze()
			step := every(11)
			for n := 1 + i%step; ; n += step {
				r := v.supervise("restore", n, unix.SIGKILL)
				if !r.reached {
					require.Zero(t, r.status.ExitStatus(), r.msg)
					break
				}
				require.True(t, r.status.Signaled(), "%s: %s", r.where, r.msg)
				v.allOrNothing(r.where)
			}
			v.goesOn()
			v.Check()
		})
	}
}

// allOrNothing waits until no task is left, or all of them run; if they do, it freezes them again.
func (v *victim) allOrNothing(where string) {
	v.t.Helper()
	var left []int
	// What dies does so at once; what waits for a word looks every 100 ms whether its engine lives.
	const soon, late = 250 * time.Millisecond, 5 * time.Second
	start := time.Now()
	for looks := 0; time.Since(start) < late || looks < 100; looks++ { // a machine may stand still for long
		time.Sleep(time.Millisecond)
		for _, pid := range v.Tasks() { // testenv does not reap what is in our session, as a task in the making is
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
		if left = v.Tasks(); len(left) == 0 {
			return
		}
		if time.Since(start) > soon && v.complete() {
			v.goesOn()
			v.freeze()
			return
		}
	}
	for _, pid := range left {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		v.t.Logf("%s: task %d: %.300s", where, pid, status)
	}
	require.Empty(v.t, left, where)
}

// complete says whether all tasks run by themselves, and their own programs.
func (v *victim) complete() bool {
	pids := v.Tasks()
	for _, pid := range pids {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if !strings.HasPrefix(string(comm), "bare") || strings.Contains(string(maps), "memfd:woodfrog") || strings.Contains(string(status), "\nState:\tZ") {
			return false
		}
	}
	return len(pids) == v.tasks && !v.traced()
}
