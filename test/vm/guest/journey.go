package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// A traveller is a program that is dumped under one kernel and goes on under another.
type traveller struct {
	name    string
	program string
	args    []string
	answers bool // SIGUSR1 with a line
}

var travellers = []traveller{
	{name: "traveller", program: "traveller", answers: true},
	{name: "registers", program: "registers"},
	{name: "bare-registers", program: "bare", args: []string{"registers"}},
	{name: "quiet", program: "bare", args: []string{"quiet"}},
	{name: "tree", program: "bare", args: []string{"tree", "2", "2"}},
}

// The PIDs of a traveller have to be free wherever it comes to: each has a thousand of its own, above those that a machine uses.
const (
	firstPID = 10_000
	morePIDs = 1_000
)

func (t *traveller) dir() string    { return filepath.Join("/tmp/journey", t.name) }
func (t *traveller) images() string { return filepath.Join(t.dir(), "images") }

// leave starts a traveller and dumps it.
func leave(ctx context.Context, name, to string) (err error) {
	t, i, err := find(name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(t.dir())
	if err := os.MkdirAll(t.dir(), 0o700); err != nil {
		return err
	}
	pid := firstPID + morePIDs*i
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid)), 0); err != nil {
		return err
	}
	p, err := workload.Bin(filepath.Join("/bin", t.program)).Start(ctx, t.dir(), t.args...)
	if err != nil {
		return err
	}
	defer finish(ctx, p, &err)
	group, err := vdsoLines(p.PID)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.dir(), "home"), []byte(group), 0o600); err != nil {
		return err
	}
	return t.dump(ctx, p, to)
}

// pass restores a traveller, lets it show that it is well, and dumps it again; without a place to go to it has arrived at home, where all
// has to be as it was.
func pass(ctx context.Context, name, from, to string) (err error) {
	t, _, err := find(name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(t.dir())
	if err := unship(from, t.dir()); err != nil {
		return err
	}
	if err := run("/bin/woodfrog", "restore", "-v4", "-d", "-D", t.images()); err != nil {
		return err
	}
	pid, err := os.ReadFile(filepath.Join(t.dir(), "pid"))
	if err != nil {
		return err
	}
	p := &workload.Process{Out: filepath.Join(t.dir(), "out")}
	if p.PID, err = strconv.Atoi(string(pid)); err != nil {
		return err
	}
	defer finish(ctx, p, &err)
	if err := t.answer(ctx, p); err != nil {
		return err
	}
	if to != "" {
		return t.dump(ctx, p, to)
	}
	group, err := vdsoLines(p.PID)
	if err != nil {
		return err
	}
	home, err := os.ReadFile(filepath.Join(t.dir(), "home"))
	if err != nil {
		return err
	}
	if group != string(home) {
		return fmt.Errorf("the vDSO is\n%sand was\n%s", group, home)
	}
	return p.Verify(ctx)
}

func (t *traveller) dump(ctx context.Context, p *workload.Process, to string) error {
	_ = os.RemoveAll(t.images())
	if err := os.Mkdir(t.images(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.dir(), "pid"), []byte(strconv.Itoa(p.PID)), 0o600); err != nil {
		return err
	}
	if err := run("/bin/woodfrog", "dump", "-v4", "-t", strconv.Itoa(p.PID), "-D", t.images()); err != nil {
		return err
	}
	return ship(to, t.dir())
}

// answer sends a signal, and waits for what its handler has to say.
func (t *traveller) answer(ctx context.Context, p *workload.Process) error {
	if !t.answers {
		time.Sleep(time.Second)
		return unix.Kill(p.PID, 0)
	}
	before, err := p.Said()
	if err != nil {
		return err
	}
	if err := unix.Kill(p.PID, syscall.SIGUSR1); err != nil {
		return err
	}
	want := fmt.Sprintf("signal %d\n", strings.Count(before, "signal ")+1)
	for {
		said, err := p.Said()
		switch {
		case err != nil:
			return err
		case strings.Contains(said, want):
			return nil
		case unix.Kill(p.PID, 0) != nil:
			return fmt.Errorf("ended early: %q", said)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("does not answer a signal: %q", said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// finish waits for the end of p, which has been dumped or has said that all is well, or makes it: its PID is the next one's, too.
func finish(ctx context.Context, p *workload.Process, err *error) {
	if *err != nil {
		_ = unix.Kill(p.PID, unix.SIGKILL)
	}
	*err = errors.Join(*err, workload.Reap(ctx, p.PID))
}

func find(name string) (*traveller, int, error) {
	i := slices.IndexFunc(travellers, func(t traveller) bool { return t.name == name })
	if i < 0 {
		return nil, 0, fmt.Errorf("traveller %s: there is none of that name", name)
	}
	t := &travellers[i]
	if _, err := os.Stat(filepath.Join("/bin", t.program)); errors.Is(err, fs.ErrNotExist) {
		return nil, 0, skipped("no program " + t.program + " for this processor")
	}
	return t, i, nil
}

// vdsoLines are those of /proc/PID/maps that the kernel makes by itself.
func vdsoLines(pid int) (string, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(string(maps)) {
		for _, name := range []string{"[vdso]", "[vvar", "[sigpage]", "[vectors]"} {
			if strings.Contains(line, name) {
				b.WriteString(line)
			}
		}
	}
	return b.String(), nil
}
