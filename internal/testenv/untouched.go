package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Untouched runs f and fails the test if the kernel shows the workload's tasks otherwise than before: areas, descriptors, signals,
// credentials, limits, threads, tracers. It is for what must leave a task as it was, a dump that fails above all, and for workloads whose
// areas do not change by themselves: bare ones. What it cannot see, registers and memory, the workload sees.
func (w *Workload) Untouched(f func()) {
	w.t.Helper()
	before := portraits(w.Tasks())
	f()
	// A task that was stopped in a call like sigsuspend shows its own signal mask until it has entered that again.
	var left []string
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if left = differences(before, portraits(w.Tasks())); len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, d := range left {
		w.t.Errorf("workload %d: %s", w.PID, d)
	}
}

// portrait is what /proc tells of one task, by file or line.
type portrait map[string]string

// Files whose whole text stays the same, and the lines of status that do. Its State is left out: a running task may sleep or not; that
// it is stopped shows in TracerPid or is asked for by Alive.
var (
	stillFiles = []string{"maps", "limits", "comm", "cmdline", "oom_score_adj", "coredump_filter", "timers", "cgroup", "personality"}
	stillLinks = []string{"exe", "cwd", "root"}
	stillLines = []string{
		"Umask", "PPid", "TracerPid", "Uid", "Gid", "Groups", "NStgid", "NSpgid", "NSsid", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt",
		"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "THP_enabled",
	}
)

func portraits(pids []int) map[int]portrait {
	all := make(map[int]portrait)
	for _, pid := range pids {
		p := make(portrait)
		dir := fmt.Sprintf("/proc/%d", pid)
		for _, name := range stillFiles {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			p[name] = string(text)
		}
		for _, name := range stillLinks {
			p[name], _ = os.Readlink(filepath.Join(dir, name))
		}
		fds, _ := filepath.Glob(filepath.Join(dir, "fd", "*"))
		for _, fd := range fds {
			target, _ := os.Readlink(fd)
			info, _ := os.ReadFile(filepath.Join(dir, "fdinfo", filepath.Base(fd)))
			p["fd/"+filepath.Base(fd)] = target + "\n" + string(info)
		}
		threads, _ := filepath.Glob(filepath.Join(dir, "task", "*"))
		for _, thread := range threads {
			tid := filepath.Base(thread)
			status, _ := os.ReadFile(filepath.Join(thread, "status"))
			for line := range strings.Lines(string(status)) {
				if key, value, _ := strings.Cut(line, ":"); slices.Contains(stillLines, key) {
					p["task/"+tid+"/status "+key] = strings.TrimSpace(value)
				}
			}
		}
		all[pid] = p
	}
	return all
}

func differences(before, after map[int]portrait) (list []string) {
	for pid, b := range before {
		a, ok := after[pid]
		if !ok {
			list = append(list, fmt.Sprintf("task %d is gone", pid))
			continue
		}
		for what := range union(a, b) {
			if a[what] != b[what] {
				list = append(list, fmt.Sprintf("task %d: %s was:\n%s\nand is:\n%s", pid, what, b[what], a[what]))
			}
		}
	}
	for pid := range after {
		if _, ok := before[pid]; !ok {
			list = append(list, fmt.Sprintf("task %d is new", pid))
		}
	}
	slices.Sort(list)
	return list
}

func union(a, b portrait) map[string]bool {
	all := make(map[string]bool)
	for what := range a {
		all[what] = true
	}
	for what := range b {
		all[what] = true
	}
	return all
}

// On returns the workload for a part of a test, or for a test below the one that started it: failures are that one's.
func (w *Workload) On(t testing.TB) *Workload {
	sub := *w
	sub.t = t
	return &sub
}
