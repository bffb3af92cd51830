package kerndat

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// WithTracee runs f on a traced child that is stopped before its first instruction, and kills it.
func WithTracee(f func(pid int) error) error { return withProgram("/proc/self/exe", f) }

// withProgram is WithTracee for a child that executes the program at path.
func withProgram(path string, f func(pid int) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec(path, []string{"probe"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("start a traced child: %w", err)
	}
	_, status, err := linux.Wait(pid, false)
	switch {
	case err != nil:
	case !status.Stopped():
		return fmt.Errorf("traced child: wait status %#x", uint32(status))
	default:
		err = f(pid)
	}
	kerr := unix.Kill(pid, unix.SIGKILL)
	for kerr == nil && !status.Signaled() && !status.Exited() {
		_, status, kerr = linux.Wait(pid, false)
	}
	return errors.Join(err, kerr)
}

// probeTracee makes an answer of what a request on a traced child returns.
func probeTracee(f func(pid int) error, yes, no []error) (bool, error) {
	var result error
	if err := WithTracee(func(pid int) error {
		result = f(pid)
		return nil
	}); err != nil {
		return false, err
	}
	return unless(result, yes, no)
}

func probePtrace() (bool, error) {
	return probeTracee(func(pid int) error { return linux.SetOptions(pid, unix.PTRACE_O_EXITKILL) }, nil, []error{unix.EINVAL})
}

// kernel/ptrace.c, check_ptrace_options: EINVAL without CONFIG_CHECKPOINT_RESTORE or CONFIG_SECCOMP, EPERM for a caller that
// lacks CAP_SYS_ADMIN or is filtered itself.
func probeSeccompSuspend() (bool, error) {
	return probeTracee(func(pid int) error {
		return linux.SetOptions(pid, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_SUSPEND_SECCOMP)
	}, nil, []error{unix.EINVAL})
}

// PTRACE_SECCOMP_GET_FILTER is EINVAL both for a task without filters and under a kernel without the request, so it is not
// asked. It is there when these two are: CONFIG_CHECKPOINT_RESTORE and CONFIG_SECCOMP_FILTER (include/linux/seccomp.h).
func probeSeccompFilters() (bool, error) {
	if has, err := probeCheckpointRestore(); !has || err != nil {
		return false, err
	}
	// The program is read only by a kernel that knows filters (kernel/seccomp.c, prctl_set_seccomp).
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, linux.Nowhere, 0, 0)
	return unless(err, []error{unix.EFAULT, unix.EACCES}, []error{unix.EINVAL})
}

// Unknown requests of ptrace are EIO.
func probeRseqConf() (bool, error) {
	return probeTracee(func(pid int) error { _, err := linux.GetRseqConf(pid); return err }, nil, []error{unix.EIO})
}
