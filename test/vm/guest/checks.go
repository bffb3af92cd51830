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

// limit is how long one check may take; emulated processors are slow, and slower still on a busy machine.
const limit = 4 * time.Minute

type check struct {
	name string
	run  func() error
}

var checks = []check{
	{"stub", stub},
	{"thaw", func() error { return with("goroutines", nil, thaw) }},
	{"nap", func() error { return with("../init", []string{"nap"}, thaw) }},
	{"threads", func() error { return with("goroutines", nil, cycles) }},
	{"shell", func() error { return with("busybox", []string{"sh", "-c", shell}, cycles) }},
	{"registers", registers("")},
	{"signals", func() error { return with("traveller", nil, signals) }},
	{"proxy", func() error { return with("traveller", nil, proxy(true)) }},
	{"handler", func() error { return with("handler", nil, proxy(true)) }},
	{"clock", func() error { return with("../init", []string{"clock"}, proxy(false)) }},
	{"frames", func() error { return with("../init", []string{"frames"}, proxy(false)) }},
	{"compat-threads", func() error { return with("goroutines-compat", nil, cycles) }},
	{"compat-shell", func() error {
		return with("busybox-compat", []string{"sh", "-c", strings.ReplaceAll(shell, "busybox", "/bin/busybox-compat")}, cycles)
	}},
	{"compat-registers", registers("-compat")},
	{"compat-nap", func() error { return with("init-compat", []string{"nap"}, thaw) }},
	{"compat-proxy", func() error { return with("traveller-compat", nil, proxy(true)) }},
	{"compat-handler", func() error { return with("handler-compat", nil, proxy(true)) }},
	{"compat-clock", func() error { return with("init-compat", []string{"clock"}, proxy(false)) }},
	{"compat-frames", func() error { return with("init-compat", []string{"frames"}, proxy(false)) }},
	{"faults", func() error { return with("goroutines", nil, faults) }},
	{"files", files},
	{"tree", func() error { return with("bare", []string{"tree", "2", "2"}, cycles) }},
	{"memory", func() error { return with("bare", []string{"memory", "4"}, cycles) }},
	{"test-vdso", test("vdso")},
	{"test-memory", test("memory")},
	{"test-files", test("files")},
}

// stub runs the interpreter's own test.
func stub() error {
	out, err := command("", "/bin/stubexec", "-test.v", "-test.timeout=200s")
	if err != nil {
		fmt.Printf("%s\n", out)
	}
	return err
}

// registers is written once with what all processors have, and once with what only some have.
func registers(suffix string) func() error {
	return func() error {
		err := with("bare"+suffix, []string{"registers"}, keeps)
		if err != nil && !errors.As(err, new(skipped)) {
			return err
		}
		if more := with("registers"+suffix, nil, keeps); err != nil || !errors.As(more, new(skipped)) {
			return more
		}
		return nil
	}
}

// keeps: after a dump that lets a program run on, or that is killed, and after a restore.
func keeps(f *frog) error {
	for range 3 {
		if err := f.dump("", "-R"); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
		if err := survives(f, "kill:ask", "kill:memory"); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return cycles(f)
}

// test runs the tests of a package below test as on a machine that has Go.
func test(name string) func() error {
	return func() error {
		bin := "/bin/" + name + ".test"
		env := workload.BuiltVar + "=/bin"
		out, err := commandFor(testLimit, []string{env, "WOODFROG_TEST_SPIN=5", "WOODFROG_TEST_PIDS=own"}, bin, "-test.v", "-test.skip="+tooSlow, "-test.timeout="+testLimit.String())
		if err != nil {
			fmt.Printf("%s\n", out)
		}
		return err
	}
}

// tooSlow are tests for which an emulated processor is: families of tasks and random ways take minutes.
const tooSlow = "TestFamilies|TestRandomWays"

// testLimit is how long the tests of a package may take.
const testLimit = 15 * time.Minute

// files: what tasks have open.
func files() error {
	for _, name := range []string{"pipes", "offsets", "events", "owners"} {
		if err := with("descriptors", []string{name}, cycles); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// thaw dumps a program twice and lets it run on.
func thaw(f *frog) error {
	for range 2 {
		time.Sleep(time.Second)
		if err := f.dump("", "-R"); err != nil {
			return err
		}
	}
	return f.verify()
}

// cycles: what a program has is there after more than one cycle, too.
func cycles(f *frog) error {
	for range 3 {
		if err := f.cycle(""); err != nil {
			return err
		}
	}
	if err := f.atHome(); err != nil {
		return err
	}
	return f.verify()
}

// signals: a handler runs and returns after every restore.
func signals(f *frog) error {
	for range 3 {
		if err := f.cycle(""); err != nil {
			return err
		}
		if err := f.answer(); err != nil {
			return err
		}
	}
	return f.verify()
}

// faults: after a dump that fails or is killed the program goes on, and a restore that fails leaves nothing.
func faults(f *frog) error {
	if err := survives(f, "stage:freeze", "stage:ask", "stage:commit", "op:3", "call:2", "full:3", "kill:ask", "kill:memory"); err != nil {
		return err
	}
	if err := f.dump(""); err != nil {
		return err
	}
	for _, fault := range []string{"stage:plan", "stage:populate", "stage:tail", "op:5", "op:40", "kill:spawn", "kill:populate"} {
		if out, err := command("WOODFROG_FAULT="+fault, "/bin/woodfrog", "restore", "-d", "-D", f.images()); err == nil {
			return fmt.Errorf("restore with fault %s: does not fail: %s", fault, out)
		}
		for end := time.Now().Add(limit / 8); len(left()) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("after a restore with fault %s there are still processes: %v", fault, left())
			}
		}
	}
	if err := f.restore(""); err != nil {
		return err
	}
	return f.verify()
}

// survives: the program runs after dumps that fail.
func survives(f *frog, faults ...string) error {
	for _, fault := range faults {
		if out, err := command("WOODFROG_FAULT="+fault, "/bin/woodfrog", "dump", "-R", "-t", fmt.Sprint(f.PID), "-D", f.dir); err == nil {
			return fmt.Errorf("dump with fault %s: does not fail: %s", fault, out)
		}
		for end := time.Now().Add(limit / 8); !f.runs(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("after a dump with fault %s it does not run", fault)
			}
		}
	}
	return nil
}

// A shell's loop with a child at the other end of a pipe: some dumps meet a vfork, an exec or an exit.
const shell = `
trap 'stop=1' TERM
echo ready
i=0
while [ -z "$stop" ]; do
	i=$((i + 1))
	double=$(echo $i | busybox sed 's/$/ */' | (read a op; echo $((a + a))))
	[ "$double" = $((i * 2)) ] || { echo "FAIL: twice $i: $double"; exit 1; }
	(exit 7)
	[ $? = 7 ] || { echo "FAIL: status $?"; exit 1; }
done
echo PASS
`

// command runs a program with one more variable in its environment.
func command(env, name string, args ...string) ([]byte, error) {
	var more []string
	if env != "" {
		more = append(more, env)
	}
	return commandFor(limit, more, name, args...)
}

func commandFor(limit time.Duration, env []string, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return out, err
}
