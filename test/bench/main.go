// Command bench measures woodfrog against CRIU, if there is a criu on PATH, on the same programs, in one run and in turns:
// the time of the whole dump and restore process, the time the tasks were frozen, the system calls of engine and tasks, and
// the engine's peak memory. It prints a table and writes JSON.
//
//	bench [-n RUNS] [-case NAMES] [-json FILE] [-figures FILE] [-woodfrog FILE]
//
// It needs root. It works in a mount namespace of its own with a tmpfs on /run, where CRIU keeps what it knows of the kernel
// (elsewhere it asks the kernel again at each start, and would look worse than it is) and where the images go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// inside tells the second start of this program that it is in its own mount namespace.
const inside = "WOODFROG_BENCH_INSIDE"

type settings struct {
	runs                         int
	cases, json, figures, binary string
}

func main() {
	var s settings
	flag.IntVar(&s.runs, "n", 0, "measure each case this often, instead of as often as suits it")
	flag.StringVar(&s.cases, "case", "", "measure only these cases, separated by commas")
	flag.StringVar(&s.json, "json", os.Getenv("WOODFROG_BENCH_JSON"), "write the results to this file; default $WOODFROG_BENCH_JSON")
	flag.StringVar(&s.figures, "figures", "", "put the table between the marks in this document")
	flag.StringVar(&s.binary, "woodfrog", filepath.Join("bin", "woodfrog"), "the woodfrog to measure")
	flag.Parse()
	if err := start(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start enters the namespace by starting this program again: one thread cannot take a whole Go process along.
func start(s settings) error {
	if os.Getenv(inside) == "1" {
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
		defer stop()
		return run(ctx, s)
	}
	if os.Geteuid() != 0 {
		return errors.New("freezing processes and mounting need root")
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGTERM}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	return err
}

func run(ctx context.Context, s settings) error {
	chosen, singles, err := choose(s.cases)
	if err != nil {
		return err
	}
	engines, err := findEngines(s.binary)
	if err != nil {
		return err
	}
	const work = "/run/bench"
	if err := unix.Mount("bench", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs on /run: %w", err)
	}
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	if err := moreDescriptors(); err != nil {
		return err
	}
	if err := workload.Subreaper(); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	bare, err := workload.BuildBare(ctx, work)
	if err != nil {
		return err
	}
	calls, err := newCounter()
	if err != nil {
		fmt.Fprintf(os.Stderr, "system calls are not counted: %v\n", err)
	}
	b := bench{work: work, bare: bare, calls: calls}
	report := newReport(engines)
	for _, c := range chosen {
		if s.runs > 0 {
			c.runs = s.runs
		}
		report.add(b.measure(ctx, c, engines))
		if err := ctx.Err(); err != nil {
			return err
		}
		if calls != nil && slices.Contains(seed, c.Name) {
			n, err := b.callsByName(ctx, c, engines)
			if err != nil {
				return err
			}
			report.ByName = append(report.ByName, n)
		}
	}
	for _, one := range singles {
		got, err := one.measure(b, ctx, engines, max(s.runs, singleRuns))
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		report.Singles = append(report.Singles, got)
	}
	return report.publish(s)
}

// findEngines returns woodfrog and, if it is there, CRIU, which the others are compared with.
func findEngines(binary string) ([]engine, error) {
	ours, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(ours); err != nil {
		return nil, fmt.Errorf("engine: %w (go tool mage build makes it)", err)
	}
	engines := []engine{{name: "woodfrog", path: ours}}
	if criu, err := exec.LookPath("criu"); err == nil {
		engines = append(engines, engine{name: "criu", path: criu})
	} else {
		fmt.Fprintln(os.Stderr, "no criu on PATH: nothing to compare with")
	}
	return engines, nil
}

func choose(names string) (chosen []benchCase, singles []singleCase, err error) {
	if names == "" {
		return cases, singleCases, nil
	}
next:
	for name := range strings.SplitSeq(names, ",") {
		for _, c := range cases {
			if c.Name == name {
				chosen = append(chosen, c)
				continue next
			}
		}
		for _, c := range singleCases {
			if c.name == name {
				singles = append(singles, c)
				continue next
			}
		}
		return nil, nil, fmt.Errorf("case %q: there is none of that name", name)
	}
	return chosen, singles, nil
}

// moreDescriptors allows as many open files as may be allowed, for the workloads; Go would keep the lower limit for them.
func moreDescriptors() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}
