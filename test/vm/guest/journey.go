package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	{name: "handler", program: "handler", answers: true},
	{name: "registers", program: "registers"},
	{name: "bare-registers", program: "bare", args: []string{"registers"}},
	{name: "compat-traveller", program: "traveller-compat", answers: true},
	{name: "compat-handler", program: "handler-compat", answers: true},
	{name: "compat-bare-registers", program: "bare-compat", args: []string{"registers"}},
	{name: "arm-traveller", program: "arm-traveller", answers: true},
	{name: "arm-handler", program: "arm-handler", answers: true},
	{name: "arm-registers", program: "arm-registers"},
	{name: "arm-bare-registers", program: "arm-bare", args: []string{"registers"}},
	{name: "quiet", program: "bare", args: []string{"quiet"}},
	{name: "tree", program: "bare", args: []string{"tree", "2", "2"}},
}

// The PIDs of a traveller have to be free wherever it comes to: each has a thousand of its own, above those that a machine uses, and begins
// with others on each leg, when it may make threads.
const (
	firstPID = 10_000
	morePIDs = 1_000
	legPIDs  = 200
)

func setLastPID(pid int) error {
	return os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid)), 0)
}

func (t *traveller) dir() string { return filepath.Join("/tmp/journey", t.name) }

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
	if err := setLastPID(firstPID + morePIDs*i); err != nil {
		return err
	}
	f, err := start(ctx, t.dir(), t.program, t.args...)
	if err != nil {
		return err
	}
	defer f.finish(&err)
	for name, text := range map[string]string{"home": f.home, "pid": strconv.Itoa(f.PID)} {
		if err := os.WriteFile(filepath.Join(t.dir(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := f.dump(""); err != nil {
		return err
	}
	return ship(to, t.dir())
}

// pass restores a traveller, lets it show that it is well, at home that all is as it was, and dumps it again; without a place to go to it
// ends.
func pass(ctx context.Context, name, from, to string, home bool) (err error) {
	t, i, err := find(name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(t.dir())
	if err := unship(from, t.dir()); err != nil {
		return err
	}
	// What is started here is not to have the numbers of what it made on the way: cargo is named by the machines where it was.
	if err := setLastPID(firstPID + morePIDs*i + legPIDs*strings.Count(from, "@")); err != nil {
		return err
	}
	pid, err := os.ReadFile(filepath.Join(t.dir(), "pid"))
	if err != nil {
		return err
	}
	areas, err := os.ReadFile(filepath.Join(t.dir(), "home"))
	if err != nil {
		return err
	}
	f := &frog{Process: &workload.Process{Out: filepath.Join(t.dir(), "out")}, ctx: ctx, dir: t.dir(), home: string(areas)}
	if f.PID, err = strconv.Atoi(string(pid)); err != nil {
		return err
	}
	if err := f.restore(""); err != nil {
		return err
	}
	defer f.finish(&err)
	if t.answers {
		err = f.answer()
	} else if time.Sleep(time.Second); !f.runs() {
		err = fmt.Errorf("does not run")
	}
	if err == nil && home {
		err = f.backHome()
	}
	switch {
	case err != nil:
		return err
	case to == "":
		return f.verify()
	}
	if err := f.dump(""); err != nil {
		return err
	}
	return ship(to, t.dir())
}

// refuse sees that a traveller is not restored: it is said why, and nothing is left.
func refuse(name, from string, words []string) error {
	t, _, err := find(name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(t.dir())
	if err := unship(from, t.dir()); err != nil {
		return err
	}
	out, err := command("", "/bin/woodfrog", "restore", "-d", "-D", filepath.Join(t.dir(), "images"))
	switch {
	case err == nil:
		return fmt.Errorf("is restored")
	case len(left()) > 0:
		return fmt.Errorf("there are still processes: %v", left())
	}
	fmt.Printf("%s", out)
	for _, w := range words {
		if !strings.Contains(string(out), w) {
			return fmt.Errorf("%s: is not in: %s", w, out)
		}
	}
	return nil
}

func find(name string) (*traveller, int, error) {
	i := slices.IndexFunc(travellers, func(t traveller) bool { return t.name == name })
	if i < 0 {
		return nil, 0, fmt.Errorf("traveller %s: there is none of that name", name)
	}
	return &travellers[i], i, nil
}
