package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long what ends by itself may take to be gone.
var patience = 30 * time.Second

// NoLeaks fails the test if it leaves more than it found: children, zombies among them, descriptors of this process, mounts. Called
// first, it looks last, after what the test cleans up. Not for tests that run in parallel with others.
func NoLeaks(t testing.TB) {
	t.Helper()
	startPoller()
	before := takeStock()
	t.Cleanup(func() {
		var left []string
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			if left = before.left(takeStock()); len(left) == 0 || time.Now().After(end) {
				break
			}
		}
		for _, l := range left {
			t.Errorf("left behind: %s", l)
		}
	})
}

// stock is what could leak, each by a name of its own.
type stock map[string]bool

// left lists what after has and s has not.
func (s stock) left(after stock) (left []string) {
	for name := range after {
		if !s[name] {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}

func takeStock() stock {
	looking.Lock()
	defer looking.Unlock()
	s := make(stock)
	for _, p := range children() {
		s[p.String()] = true
	}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		// What is gone by now is the descriptor that the list was read through.
		if target, err := os.Readlink(l); err == nil {
			s["descriptor "+filepath.Base(l)+" "+target] = true
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		// Without the options, which may change.
		f := strings.Fields(line)
		s["mount "+strings.Join(f[:min(5, len(f))], " ")] = true
	}
	return s
}

// startPoller makes Go's runtime open the descriptors of its poller, which it keeps.
func startPoller() {
	if r, w, err := os.Pipe(); err == nil {
		_ = r.SetReadDeadline(time.Now())
		_, _ = r.Read(make([]byte, 1))
		_ = r.Close()
		_ = w.Close()
	}
}

// process is a line of /proc/PID/stat.
type process struct {
	pid, ppid, session int
	comm, state        string
	start              string // time, tells tasks of the same number apart
}

func (p process) String() string { return fmt.Sprintf("process %d (%s)", p.pid, p.comm) }

func readProcess(pid int) (p process, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	text := string(b)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return p, false
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 20 {
		return p, false
	}
	p = process{pid: pid, comm: text[open+1 : end], state: f[0], start: f[19]}
	p.ppid, _ = strconv.Atoi(f[1])
	p.session, _ = strconv.Atoi(f[3])
	return p, true
}

// processes lists those that keep says yes to.
func processes(keep func(process) bool) (list []process) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(pid); ok && keep(p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// children lists the children of this process, in whichever thread's name they are, from the kernel's list where it has one.
func children() (list []process) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	if lists == nil {
		self := os.Getpid()
		return processes(func(p process) bool { return p.ppid == self })
	}
	for _, name := range lists {
		b, _ := os.ReadFile(name)
		for field := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(field); err == nil {
				if p, ok := readProcess(pid); ok {
					list = append(list, p)
				}
			}
		}
	}
	return list
}
