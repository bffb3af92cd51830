package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A MemoryGroup is a memory cgroup with a limit, of either version of cgroups.
type MemoryGroup struct {
	t     testing.TB
	dir   string
	count string // the file that tells of tasks that were killed
	home  string // the cgroup that this process is in
}

// LimitedMemory makes a memory cgroup; it is gone when the test ends. The test is skipped where there can be none.
func LimitedMemory(t testing.TB, bytes int) *MemoryGroup {
	t.Helper()
	for _, v := range []struct{ root, limit, count string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"},
		{"/sys/fs/cgroup", "memory.max", "memory.events"},
	} {
		g := &MemoryGroup{t: t, dir: filepath.Join(v.root, fmt.Sprintf("woodfrog-test-%d", os.Getpid())), count: v.count}
		var err error
		if g.home, err = home(v.root); err != nil {
			continue
		}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(g.remove)
		if err := os.WriteFile(filepath.Join(g.dir, v.limit), []byte(strconv.Itoa(bytes)), 0o600); err == nil {
			return g
		}
	}
	skip(t, "needs a memory cgroup of its own")
	return nil
}

// home is the directory of this process's cgroup in the hierarchy at root.
func home(root string) (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	controllers := ""
	if root != "/sys/fs/cgroup" {
		controllers = filepath.Base(root)
	}
	for line := range bytes.Lines(text) {
		f := bytes.SplitN(bytes.TrimSpace(line), []byte{':'}, 3)
		if len(f) != 3 || string(f[1]) != controllers {
			continue
		}
		// what is mounted may be a part of the hierarchy
		for dir := string(f[2]); ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(root, dir, "cgroup.procs")); err == nil {
				return filepath.Join(root, dir), nil
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return "", unix.ENOENT
}

// Within runs f in the cgroup: what it starts stays there.
func (g *MemoryGroup) Within(f func()) {
	g.t.Helper()
	if err := g.enter(g.dir); err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := g.enter(g.home); err != nil {
			g.t.Error(err)
		}
	}()
	f()
}

func (g *MemoryGroup) enter(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o600)
}

// Kills is how many tasks of the cgroup were killed for lack of memory.
func (g *MemoryGroup) Kills() int {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.count))
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(rest)))
			return n
		}
	}
	g.t.Fatalf("%s: no count of kills", g.count)
	return 0
}

// remove waits for the last of the tasks to leave.
func (g *MemoryGroup) remove() {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			g.t.Errorf("cgroup %s: %v", g.dir, err)
			return
		}
	}
}
