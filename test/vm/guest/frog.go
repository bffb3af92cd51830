package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// A frog is a workload that is frozen and thawed.
type frog struct {
	*workload.Process
	ctx  context.Context
	dir  string
	home string // what the kernel made of its address space at first
}

// skipped says what is missing for a check.
type skipped string

func (s skipped) Error() string { return string(s) }

// start runs a program in dir; one that is not there is not written for this processor.
func start(ctx context.Context, dir, program string, args ...string) (*frog, error) {
	bin := filepath.Join("/bin", program)
	if _, err := os.Stat(bin); errors.Is(err, fs.ErrNotExist) {
		return nil, skipped("program " + program + ": not written for " + runtime.GOARCH)
	}
	if err := fits(bin); err != nil {
		return nil, err
	}
	p, err := workload.Bin(bin).Start(ctx, dir, args...)
	if err != nil {
		var status unix.WaitStatus
		if pid, _ := unix.Wait4(-1, &status, unix.WNOHANG, nil); pid > 0 {
			err = fmt.Errorf("%w: process %d ended with status %#x", err, pid, uint32(status))
		}
		return nil, err
	}
	f := &frog{Process: p, ctx: ctx, dir: dir}
	f.home, err = f.vdso()
	return f, err
}

// fits: Debian links programs of armhf for pages of 4 KiB. Kernels with larger ones start them all the same, and they crash.
func fits(bin string) error {
	program, err := elf.Open(bin)
	if err != nil {
		return err
	}
	defer program.Close()
	for _, s := range program.Progs {
		if s.Type == elf.PT_LOAD && (s.Vaddr-s.Off)%uint64(os.Getpagesize()) != 0 {
			return skipped(fmt.Sprintf("program %s: linked for pages of %d bytes at most", filepath.Base(bin), s.Align))
		}
	}
	return nil
}

// with runs a check of one program in a directory of its own, and ends what is left of it.
func with(program string, args []string, check func(f *frog) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dir, err := os.MkdirTemp("", filepath.Base(program))
	if err != nil {
		return err
	}
	f, err := start(ctx, dir, program, args...)
	if err != nil {
		return err
	}
	defer f.finish(&err)
	return check(f)
}

// finish waits for the end of the program, which has been dumped or has said that all is well, or makes it: its PID is the next one's, too.
func (f *frog) finish(err *error) {
	if *err != nil {
		if !errors.As(*err, new(skipped)) {
			f.show()
		}
		for _, pid := range workload.Tree(f.PID) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	*err = errors.Join(*err, workload.Reap(f.ctx, f.PID))
}

// show prints what tells why a program does not go on; Go's runtime has a word to say on SIGQUIT.
func (f *frog) show() {
	names := []string{"maps", "timers", "stat"}
	for _, tid := range workload.Threads(f.PID) {
		for _, name := range []string{"comm", "status", "syscall", "wchan", "stack"} {
			names = append(names, fmt.Sprintf("task/%d/%s", tid, name))
		}
	}
	for _, name := range names {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", f.PID, name))
		fmt.Printf("-- %s\n%s\n", name, text)
	}
	if unix.Kill(f.PID, unix.SIGQUIT) == nil {
		time.Sleep(3 * time.Second)
	}
	said, _ := f.Said()
	fmt.Printf("-- output\n%s\n", said)
}

func (f *frog) images() string { return filepath.Join(f.dir, "images") }

// dump freezes the program, or lets it run on, and with a fault fails to.
func (f *frog) dump(fault string, more ...string) error {
	if err := os.RemoveAll(f.images()); err != nil {
		return err
	}
	if err := os.Mkdir(f.images(), 0o700); err != nil {
		return err
	}
	if err := woodfrog(fault, append([]string{"dump", "-v4", "-t", strconv.Itoa(f.PID), "-D", f.images()}, more...)...); err != nil {
		return err
	}
	if len(more) > 0 {
		return nil
	}
	return workload.Reap(f.ctx, f.PID)
}

func (f *frog) restore(fault string) error {
	return woodfrog(fault, "restore", "-v4", "-d", "-D", f.images())
}

func (f *frog) cycle(fault string) error {
	if err := f.dump(""); err != nil {
		return err
	}
	return f.restore(fault)
}

// verify asks the program whether all is as it was, which ends it.
func (f *frog) verify() error { return f.Verify(f.ctx) }

// answer sends a signal, and waits for what the program has to say.
func (f *frog) answer() error {
	before, err := f.Said()
	if err != nil {
		return err
	}
	if err := unix.Kill(f.PID, syscall.SIGUSR1); err != nil {
		return err
	}
	want := fmt.Sprintf("signal %d\n", strings.Count(before, "signal ")+1)
	for {
		said, err := f.Said()
		switch {
		case err != nil:
			return err
		case strings.Contains(said, want):
			return nil
		case !f.runs():
			return fmt.Errorf("ended early: %q", said)
		}
		select {
		case <-f.ctx.Done():
			return fmt.Errorf("does not answer a signal: %q", said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// left lists the processes below this one, after what has ended is reaped.
func left() []int {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil && err != unix.EINTR || pid == 0 {
			return workload.Children(os.Getpid())
		}
	}
}

// runs tells whether the program runs or sleeps, with nobody who traces it.
func (f *frog) runs() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.PID))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		switch w := strings.Fields(line); {
		case len(w) < 2:
		case w[0] == "State:" && strings.Contains("ZXTt", w[1]), w[0] == "TracerPid:" && w[1] != "0":
			return false
		}
	}
	return true
}

// atHome says whether that is again what it was at first.
func (f *frog) atHome() error {
	now, err := f.vdso()
	if err == nil && now != f.home {
		err = fmt.Errorf("the kernel's areas are\n%sand were\n%s", now, f.home)
	}
	return err
}

// backHome is atHome after the machine was off: since then the kernel of arm has its code at another place in [sigpage], or another kernel on the
// way had, which may be where the program's frames need that of the first one. Then it has its first page as plain memory, and a new one.
func (f *frog) backHome() error {
	err := f.atHome()
	if err == nil {
		return nil
	}
	now, e := f.vdso()
	if e != nil {
		return e
	}
	const name = " [sigpage]\n"
	lines := slices.DeleteFunc(strings.SplitAfter(now, "\n"), func(line string) bool { return strings.HasSuffix(line, name) })
	if strings.Join(lines, "") == strings.Replace(f.home, name, "\n", 1) {
		return nil
	}
	return err
}

// losesSigpage is the refusal of arm tasks on arm64 kernels before Linux 5.13.
const losesSigpage = "this kernel loses [sigpage] when it is moved"

// woodfrog is silent where all went well.
func woodfrog(fault string, args ...string) error {
	out, err := command("WOODFROG_FAULT="+fault, "/bin/woodfrog", args...)
	switch {
	case err != nil && strings.Contains(string(out), losesSigpage):
		return skipped(losesSigpage)
	case err != nil:
		fmt.Printf("%s\n", out)
	}
	return err
}
