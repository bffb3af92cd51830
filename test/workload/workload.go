// Package workload builds and drives the programs that tests and benchmarks checkpoint. Each program has one property to
// keep: it sets it up, says "ready" on its standard output, and on SIGTERM says PASS, or FAIL and why.
//
// It knows nothing of the engine: who froze and thawed the program between ready and SIGTERM, if anyone, is not its business.
package workload

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poll is how often an output is looked at: changes take milliseconds to come.
const poll = time.Millisecond

// A Bin is a workload that has been built.
type Bin string

// Arch is a processor that this machine has: runtime.GOARCH, or that of the 32-bit programs which its kernel runs.
type Arch string

// Native is that of the tests.
const Native = Arch(runtime.GOARCH)

// BuildBare links the programs of test/workload/bare into dir.
func BuildBare(ctx context.Context, dir string) (Bin, error) { return Native.BuildBare(ctx, dir) }

// BuildBare links the programs of test/workload/bare into dir.
func (a Arch) BuildBare(ctx context.Context, dir string) (Bin, error) {
	return a.build(ctx, dir, "bare", "-ldflags=-s -w -E main.start")
}

// BuildGoroutines links test/workload/goroutines, an ordinary Go program, into dir.
func (a Arch) BuildGoroutines(ctx context.Context, dir string) (Bin, error) {
	return a.build(ctx, dir, "goroutines", "-ldflags=-s -w")
}

// BuildDescriptors links test/workload/descriptors, ordinary Go programs with open files, into dir.
func (a Arch) BuildDescriptors(ctx context.Context, dir string) (Bin, error) {
	return a.build(ctx, dir, "descriptors", "-ldflags=-s -w")
}

// BuildHandler links test/workload/handler, an ordinary Go program that is inside a handler of a signal, into dir.
func (a Arch) BuildHandler(ctx context.Context, dir string) (Bin, error) {
	return a.build(ctx, dir, "handler", "-ldflags=-s -w")
}

// BuiltVar names a directory of workloads that have been built, for machines that have no Go: those of the other ABI end in -compat.
const BuiltVar = "WOODFROG_WORKLOADS"

func (a Arch) build(ctx context.Context, dir, name, ldflags string) (Bin, error) {
	if built := os.Getenv(BuiltVar); built != "" {
		if a != Native {
			name += "-compat"
		}
		return Bin(filepath.Join(built, name)), nil
	}
	out := filepath.Join(dir, name)
	if a != Native {
		out += "-" + string(a)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", ldflags, "-o", out, "woodfrog/test/workload/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+string(a))
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("workload %s: build: %w\n%s", name, err, text)
	}
	return Bin(out), nil
}

// A Process is a workload that has been started. Its PID is the same before and after a restore.
type Process struct {
	PID int
	Out string // the file that it writes to
}

// Said is what it has written so far.
func (p *Process) Said() (string, error) {
	b, err := os.ReadFile(p.Out)
	return string(b), err
}

// Start runs bin with args in dir, as the leader of a session of its own, standard input /dev/null, output and errors to a
// file in dir, and returns when it is ready. Nobody waits for the process: the caller reaps it, as after a restore.
func (bin Bin) Start(ctx context.Context, dir string, args ...string) (*Process, error) {
	if err := CloseOnExec(); err != nil {
		return nil, err
	}
	p := &Process{Out: filepath.Join(dir, "out")}
	// Appending keeps the place right for whoever opens the file again.
	out, err := os.OpenFile(p.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	proc, err := os.StartProcess(string(bin), append([]string{filepath.Base(string(bin))}, args...), &os.ProcAttr{
		Dir:   dir,
		Env:   []string{"PATH=" + os.Getenv("PATH")},
		Files: []*os.File{null, out, out},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", args, err)
	}
	p.PID = proc.Pid
	if err := proc.Release(); err != nil {
		return nil, err
	}
	if _, err := p.await(ctx, "ready\n"); err != nil {
		return nil, fmt.Errorf("workload %s: %w", args, err)
	}
	return p, nil
}

// Verify asks the process whether all is as it was, which ends it.
func (p *Process) Verify(ctx context.Context) error {
	if err := unix.Kill(p.PID, unix.SIGTERM); err != nil {
		return fmt.Errorf("workload %d: kill: %w", p.PID, err)
	}
	text, err := p.await(ctx, "PASS\n", "FAIL")
	if err != nil {
		return fmt.Errorf("workload %d: %w", p.PID, err)
	}
	if !strings.HasSuffix(text, "PASS\n") {
		return fmt.Errorf("workload %d: %s", p.PID, strings.TrimSpace(text))
	}
	return nil
}

// await returns the output once it holds one of words.
func (p *Process) await(ctx context.Context, words ...string) (string, error) {
	for {
		ended := gone(p.PID) // asked first: what it wrote before is in the file by now
		text, err := p.Said()
		if err != nil {
			return "", err
		}
		for _, w := range words {
			if strings.Contains(text, w) {
				return text, nil
			}
		}
		if strings.Contains(text, "FAIL") || ended {
			return "", fmt.Errorf("ended early: %q", text)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("output %q: %w", text, ctx.Err())
		case <-time.After(poll):
		}
	}
}

// gone reports whether pid is a zombie or nothing, and so will not write any more.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	after := string(b[strings.LastIndexByte(string(b), ')')+1:])
	return strings.HasPrefix(after, " Z") || strings.HasPrefix(after, " X")
}

// Subreaper makes this process the parent of all orphans below it, so that a PID is free again as soon as Reap has seen
// its process. On some systems init takes a second or two for that, and a restore would find the PID taken.
func Subreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// CloseOnExec keeps from the programs started after it what this process itself was started with beyond the standard
// descriptors: a pipe of a build tool, in a task to be dumped, leads out of its tree.
func CloseOnExec() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	entries, err := os.ReadDir("/proc/self/fd") // the flag is new in Linux 5.11
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return err
}

// Reap waits until pid is no child of ours any more and takes the status of whatever else ended meanwhile. No other
// goroutine may be waiting for a child of its own.
func Reap(ctx context.Context, pid int) error {
	for reaped := false; ; {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		reaped = reaped || got == pid
		switch {
		case errors.Is(err, unix.ECHILD), err == nil && got == 0 && reaped:
			return nil
		case err == nil && got > 0, errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("process %d: wait: %w", pid, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d: does not end: %w", pid, ctx.Err())
		case <-time.After(poll):
		}
	}
}
