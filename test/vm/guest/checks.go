package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"woodfrog/test/workload"
)

// limit is how long one check may take; emulated processors are slow.
const limit = 90 * time.Second

type check struct {
	name string
	run  func() error
}

var checks = []check{
	{"stub", stub},
	{"thaw", func() error { return cycle("goroutines", nil, 0) }},
	{"goroutines", func() error { return cycle("goroutines", nil, 1) }},
	{"again", func() error { return cycle("goroutines", nil, 3) }},
	{"sleep", func() error { return cycle("bare", []string{"sleep"}, 1) }},
	{"spin", func() error { return cycle("bare", []string{"spin"}, 1) }},
	{"threads", func() error { return cycle("bare", []string{"threads", "8"}, 1) }},
	{"registers", registers},
	{"nap", func() error { return cycle("../init", []string{"nap"}, 0) }},
	{"proxy", func() error { return proxy("clock") }},
	{"handler", func() error { return proxy("handler") }},
	{"tree", func() error { return cycle("bare", []string{"tree", "2", "2"}, 1) }},
	{"memory", func() error { return cycle("bare", []string{"memory", "4"}, 1) }},
	{"files", func() error { return cycle("bare", []string{"files", "8", "4"}, 1) }},
}

// stub runs the interpreter's own test.
func stub() error { return run("/bin/stubexec", "-test.timeout=60s") }

// registers is written once for processors that the bare workloads are written for, and once for others.
func registers() error {
	if err := cycle("bare", []string{"registers"}, 1); !errors.As(err, new(skipped)) {
		return err
	}
	return cycle("registers", nil, 3)
}

// skipped says what is missing for a check.
type skipped string

func (s skipped) Error() string { return string(s) }

// cycle freezes and thaws a workload times over, or dumps it twice and lets it run on if times is 0.
func cycle(name string, args []string, times int) error {
	return withProgram(name, args, func(ctx context.Context, dir string, p *workload.Process) error {
		if times == 0 {
			for i := range 2 {
				time.Sleep(time.Second)
				if err := run("/bin/woodfrog", "dump", "-v4", "-R", "-t", fmt.Sprint(p.PID), "-D", images(dir, i)); err != nil {
					return err
				}
			}
		}
		for i := range times {
			if err := refreeze(ctx, p.PID, images(dir, i), ""); err != nil {
				return err
			}
		}
		return p.Verify(ctx)
	})
}

// withProgram starts a workload for f, and shows its areas and ends it if that fails.
func withProgram(name string, args []string, f func(ctx context.Context, dir string, p *workload.Process) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	bin := filepath.Join("/bin", name)
	if _, err := os.Stat(bin); err != nil {
		return skipped("no program " + name + " for this processor")
	}
	dir, err := os.MkdirTemp("", filepath.Base(name))
	if err != nil {
		return err
	}
	p, err := workload.Bin(bin).Start(ctx, dir, args...)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.PID))
			said, _ := p.Said()
			fmt.Printf("%s%s", maps, said)
			if proc, e := os.FindProcess(p.PID); e == nil {
				_ = proc.Kill()
			}
		}
	}()
	return f(ctx, dir, p)
}

func images(dir string, i int) string {
	dir = filepath.Join(dir, fmt.Sprint("images", i))
	_ = os.Mkdir(dir, 0o700)
	return dir
}

// run is silent where all went well.
func run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		fmt.Printf("%s\n", out)
		return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return nil
}
