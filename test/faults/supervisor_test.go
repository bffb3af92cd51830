package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// A run is what became of an engine that was supervised.
type run struct {
	reached bool   // it came to the n-th call
	calls   int    // that its tracer thread made after the first that counts
	options int    // of these those that set options of a task, the n-th left out
	where   string // the n-th call
	status  unix.WaitStatus
	msg     string
}

// supervise runs an engine as a tracee. When the thread of it that traces the tasks is about to make its n-th system call, the engine gets sig; n 0
// means never. Number 1 is the first call that touches a task, or, of an engine that is to end the tasks, the one that commits the image. Go's own
// threads come and go as they like, so theirs do not count.
func (v *victim) supervise(what string, n int, sig unix.Signal) (r run) {
	v.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with what it may still trace
		done <- v.trace(what, n, sig, &r)
	}()
	require.NoError(v.t, <-done)
	return r
}

func (v *victim) trace(what string, n int, sig unix.Signal, r *run) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BE_ENGINE="+what, "ENGINE_IMAGES="+v.images)
	out, err := os.CreateTemp(v.Dir, "engine-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	engine := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }()
	if _, _, err := linux.Wait(engine, false); err != nil { // the stop at its execve
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := linux.SetOptions(engine, options); err != nil {
		return err
	}
	s := supervisor{n: n, sig: sig, engine: engine, run: r, late: strings.HasPrefix(what, "end "), known: map[int]bool{engine: true}}
	if err := s.loop(); err != nil {
		return err
	}
	text, err := os.ReadFile(out.Name())
	r.msg = string(bytes.TrimSpace(text))
	return err
}

type supervisor struct {
	n      int
	sig    unix.Signal
	engine int
	tracer int  // the thread that counts, 0 before the first call that does
	late   bool // it is the one that commits
	run    *run
	known  map[int]bool
}

// loop lets the engine's threads go on from stop to stop until it has ended.
func (s *supervisor) loop() error {
	next, signal := s.engine, unix.Signal(0)
	for {
		if next != 0 {
			if err := ptraceSyscall(next, signal); err != nil && err != unix.ESRCH {
				return fmt.Errorf("go on: %w", err)
			}
		}
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
			next = 0
			continue
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case status.Exited() || status.Signaled():
			if tid == s.engine {
				s.run.status = status
				return nil
			}
			next = 0
			continue
		}
		next, signal = tid, s.stopped(tid, status)
	}
}

// stopped looks at a stop and returns the signal with which the thread goes on.
func (s *supervisor) stopped(tid int, status unix.WaitStatus) unix.Signal {
	sig := status.StopSignal()
	switch {
	case sig == unix.SIGTRAP|0x80:
		s.call(tid)
		return 0
	case uint32(status)>>16 != 0: // a new thread
		return 0
	case sig == unix.SIGSTOP && !s.known[tid]: // its first stop
		s.known[tid] = true
		return 0
	}
	return sig
}

const ptraceSeize = 0x4206 // PTRACE_SEIZE

func (s *supervisor) call(tid int) {
	info, err := linux.GetSyscallInfo(tid)
	if err != nil || info.Op != unix.PTRACE_SYSCALL_INFO_ENTRY {
		return
	}
	first := info.Nr == unix.SYS_PTRACE && info.Args[0] == ptraceSeize || info.Nr == unix.SYS_CLONE3
	if s.late {
		first = info.Nr == unix.SYS_RENAMEAT
	}
	if s.tracer == 0 && first {
		s.tracer = tid
	}
	if tid != s.tracer {
		return
	}
	s.run.calls++
	if s.run.calls == s.n {
		s.run.reached = true
		s.run.where = fmt.Sprintf("call %d, number %d (%#x, %#x)", s.n, info.Nr, info.Args[0], info.Args[1])
		_ = unix.Kill(s.engine, s.sig)
	} else if info.Nr == unix.SYS_PTRACE && info.Args[0] == unix.PTRACE_SETOPTIONS {
		s.run.options++
	}
}

func ptraceSyscall(tid int, sig unix.Signal) error {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SYSCALL, uintptr(tid), 0, uintptr(sig), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// TestSupervisor: an engine that is watched only does its work.
func TestSupervisor(t *testing.T) {
	v := start(t, "registers")
	r := v.supervise(fmt.Sprintf("dump %d", v.PID), 0, 0)
	require.Zero(t, r.status.ExitStatus(), r.msg)
	require.True(t, v.committed())
	require.Greater(t, r.calls, 30)
	v.goesOn()
	r = v.supervise(fmt.Sprintf("dump %d", v.PID), 3, unix.SIGKILL)
	require.True(t, r.reached)
	require.True(t, r.status.Signaled(), r.msg)
	v.Check()
}
