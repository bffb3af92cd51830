package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/test/workload"
)

// A benchCase is a program of test/workload/bare to dump and restore.
type benchCase struct {
	Name string
	args []string
	runs int // how often it is measured if nothing else is asked for
}

var cases = []benchCase{
	{"sleeping", []string{"sleep"}, 30},
	{"busy", []string{"spin", "10"}, 30},
	{"11 processes", []string{"tree", "10", "1"}, 20},
	{"200 processes", []string{"tree", "199", "1"}, 7},
	{"500 threads", []string{"threads", "499"}, 7},
	{"1 GiB", []string{"memory", "1024"}, 5},
	{"1000 files + 200 pipes", []string{"files", "1000", "200"}, 10},
}

// seed are the cases that CRIU's vDSO rework was measured with: of these, calls are counted by name.
var seed = []string{"busy", "11 processes"}

// singleRuns are how often the quantities are measured that are no whole dump and restore.
const singleRuns = 10

// countRuns are made apart from those that are timed, since counting takes time.
const countRuns = 3

const (
	turnTimeout = 2 * time.Minute  // for one dump, restore and verification
	endTimeout  = 10 * time.Second // for killed tasks to be gone
)

type engine struct{ name, path string }

// A phase is what one process of an engine, a dump or a restore, took.
type phase struct {
	elapsed time.Duration
	maxRSS  int64 // KiB
	calls   int64 // of the engine and the tasks; -1 where they were not counted
	named   []int64
}

// counting is what is counted in a turn.
type counting int

const (
	countNothing counting = iota
	countAll
	countNames
)

// A turn is one dump and restore of one fresh process.
type turn struct {
	dump, restore phase
	frozen        time.Duration
	imageBytes    int64
}

type bench struct {
	work  string
	bare  workload.Bin
	calls *counter // nil where the kernel does not count for us
}

// measure lets the engines take turns at c. An engine that fails at it is left out from there on.
func (b bench) measure(ctx context.Context, c benchCase, engines []engine) caseResult {
	result := caseResult{Name: c.Name, Engines: map[string]*engineResult{}}
	for _, e := range engines {
		result.Engines[e.name] = &engineResult{}
	}
	total := c.runs
	if b.calls != nil {
		total += countRuns
	}
	// The first turn warms caches up and is not kept.
	for i := -1; i < total && ctx.Err() == nil; i++ {
		for k := range engines {
			e := engines[(k+i+1)%len(engines)]
			r := result.Engines[e.name]
			if r.Error != "" {
				continue
			}
			count := countNothing
			if i >= c.runs {
				count = countAll
			}
			t, err := b.turnAnd(ctx, c, e, count, nil)
			switch {
			case err != nil:
				r.Error = err.Error()
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", c.Name, e.name, err)
			case count != countNothing:
				r.counted = append(r.counted, t)
			case i >= 0:
				r.timed = append(r.timed, t)
			}
		}
	}
	for _, r := range result.Engines {
		r.summarise()
	}
	return result
}

// turnAnd is one turn of e at c, none if e is no engine, and then what is to be done with the process that has ended.
func (b bench) turnAnd(ctx context.Context, c benchCase, e engine, count counting, do func(*workload.Process) error) (t turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	dir, err := os.MkdirTemp(b.work, "turn")
	if err != nil {
		return t, err
	}
	images := filepath.Join(dir, "images")
	if err := os.Mkdir(images, 0o700); err != nil {
		return t, err
	}
	p, err := b.bare.Start(ctx, dir, c.args...)
	if err != nil {
		return t, err
	}
	defer func() {
		workload.KillBelow()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		err = errors.Join(err, workload.Reap(ctx, p.PID), os.RemoveAll(dir))
	}()

	if e.name != "" {
		if err := b.dumpAndRestore(ctx, p, e, images, count, &t); err != nil {
			return t, err
		}
	}
	if err := p.Verify(ctx); err != nil || do == nil {
		return t, err
	}
	return t, do(p)
}

func (b bench) dumpAndRestore(ctx context.Context, p *workload.Process, e engine, images string, count counting, t *turn) (err error) {
	t.dump, err = b.phase(ctx, count, threadsOf(p.PID), e, "dump", "-t", strconv.Itoa(p.PID), "-D", images, "-o", "dump.log")
	if err != nil {
		return withLog(err, filepath.Join(images, "dump.log"))
	}
	if err := workload.Reap(ctx, p.PID); err != nil {
		return err
	}
	if t.frozen, t.imageBytes, err = look(images); err != nil {
		return err
	}
	t.restore, err = b.phase(ctx, count, nil, e, "restore", "-d", "-D", images, "-o", "restore.log")
	if err != nil {
		return withLog(err, filepath.Join(images, "restore.log"))
	}
	return nil
}

// phase runs the engine by way of the launcher, which times it. With a counter, the calls of the engine, its children and
// tasks are counted.
func (b bench) phase(ctx context.Context, counting counting, tasks []int, e engine, args ...string) (phase, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return phase{}, err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, string(b.bare), append([]string{"launch", e.path}, args...)...)
	cmd.ExtraFiles = []*os.File{w}
	p := phase{calls: -1}
	var count func() (calls, error)
	if b.calls != nil && counting != countNothing {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if count, err = b.calls.begin(tasks, counting == countNames); err != nil {
			return p, errors.Join(err, w.Close())
		}
	}
	err = cmd.Run()
	w.Close()
	if count != nil {
		n, countErr := count()
		p.calls, p.named = n.all-launcherCalls, n.named
		err = errors.Join(err, countErr)
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", args[0], err)
	}
	var report struct{ Status, Nanoseconds, MaxRSS int64 }
	if err := binary.Read(r, binary.NativeEndian, &report); err != nil {
		return p, fmt.Errorf("%s: launcher's report: %w", args[0], err)
	}
	if s := unix.WaitStatus(report.Status); s.ExitStatus() != 0 {
		return p, fmt.Errorf("%s: wait status %#x", args[0], report.Status)
	}
	p.elapsed, p.maxRSS = time.Duration(report.Nanoseconds), report.MaxRSS
	return p, nil
}

// look reads from the images how long the tasks were frozen, and adds up the files.
func look(dir string) (frozen time.Duration, bytes int64, err error) {
	d, err := image.OpenDir(dir)
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	stats, err := image.ReadOne[image.StatsEntry](d, image.StatsDump, 0)
	if err != nil {
		return 0, 0, err
	}
	if stats.Dump == nil {
		return 0, 0, fmt.Errorf("%s: stats-dump: no dump in it", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, 0, err
		}
		bytes += info.Size()
	}
	return time.Duration(stats.Dump.FrozenTime) * time.Microsecond, bytes, nil
}

// threadsOf lists the threads of pid and of all processes below it.
func threadsOf(pid int) (tids []int) {
	for _, p := range workload.Tree(pid) {
		tids = append(tids, workload.Threads(p)...)
	}
	return tids
}

// withLog adds the last errors in an engine's log file to err: engines go on after some.
func withLog(err error, file string) error {
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		return err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "Error") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	const last = 3
	return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-last):], "; "))
}
