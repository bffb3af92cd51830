package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
)

func restore(s *settings, std streams) int {
	se, ok := begin(cmdRestore, s, std)
	if !ok {
		return exitFailure
	}
	runtime.LockOSThread() // the first thread, if it still is that one: a restore may then be more than others can do
	s.core.Ending = s.core.RestoreDetached && !s.execCommand
	result, err := se.restore()
	status := se.end(err)
	if status != exitOK {
		return status
	}
	if s.displayStats {
		printRestoreStats(std.out, result)
	}
	if !s.core.Ending {
		uninterrupted(host.Backend().SignalNote, se.interrupts()...)
	}
	switch {
	case s.execCommand:
		err = become(s.operands)
	case !s.core.RestoreDetached:
		err = reap()
	}
	if err != nil {
		se.tell(err)
		return exitFailure
	}
	return exitOK
}

// restore makes the tree and writes its root's PID.
func (se *session) restore() (core.RestoreResult, error) {
	ctx, cancel := se.context()
	defer cancel()
	if se.tree != 0 {
		se.log.Warn("--tree has no use in a restore")
	}
	if isAgain() {
		se.log.Info("executed again: threads of the program had numbers of the image")
	}
	path := se.inWorkDir(se.pidFile)
	if se.pidFile != "" { // better now than when the tree is there
		if _, err := os.Lstat(path); err == nil {
			return core.RestoreResult{}, fmt.Errorf("pidfile: %s: %w", path, fs.ErrExist)
		}
	}
	result, err := core.Restore(ctx, host.Backend(), se.core)
	if err != nil {
		if ctx.Err() == nil {
			se.again(err)
		}
		return result, because(ctx, err)
	}
	if se.pidFile != "" {
		err = writePidFile(path, result.Pid)
	}
	return result, err
}

// writePidFile writes what CRIU does: a new file with the number alone.
func writePidFile(path string, pid int) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600) // os.OpenFile starts the runtime's poller
	if err == nil {
		_, err = io.WriteString(descriptor(fd), strconv.Itoa(pid))
		err = errors.Join(err, unix.Close(fd))
	}
	if err != nil {
		return fmt.Errorf("task %d runs: pidfile: %w", pid, &fs.PathError{Op: "write", Path: path, Err: err})
	}
	return nil
}

// reap waits until all children have ended, as CRIU does for a restore that is not detached; their status is not ours.
func reap() error {
	for {
		switch _, err := unix.Wait4(-1, nil, unix.WALL, nil); err {
		case nil, unix.EINTR:
		case unix.ECHILD:
			return nil
		default:
			return fmt.Errorf("wait: %w", err)
		}
	}
}

// become replaces this program, which is the parent of the tree.
func become(args []string) error {
	path, err := exec.LookPath(args[0])
	if err == nil {
		_ = os.Unsetenv(againVar)
		err = unix.Exec(path, args, os.Environ())
	}
	return fmt.Errorf("%s: %w", args[0], err)
}

func printRestoreStats(w io.Writer, r core.RestoreResult) {
	fmt.Fprintf(w, "Displaying restore stats:\n")
	fmt.Fprintf(w, "Pages compared: %d (%#[1]x)\n", r.PagesCompared)
	fmt.Fprintf(w, "Pages skipped COW: %d (%#[1]x)\n", r.PagesSkippedCOW)
	fmt.Fprintf(w, "Pages restored: %d (%#[1]x)\n", r.PagesRestored)
	fmt.Fprintf(w, "Restore time: %d us\n", r.Restore.Microseconds())
	fmt.Fprintf(w, "Forking time: %d us\n", r.Forking.Microseconds())
}
