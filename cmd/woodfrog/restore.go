package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
)

func restore(s *settings, std streams) int {
	se, ok := begin(cmdRestore, s, std)
	if !ok {
		return exitFailure
	}
	var command string
	if s.execCommand {
		var err error
		if command, err = exec.LookPath(s.operands[0]); err != nil {
			return se.end(fmt.Errorf("--exec-cmd: %w", err))
		}
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
		err = become(command, s.operands)
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
	pid := &pidFile{fd: -1} // none
	if se.pidFile != "" {   // better now than when the tree is there
		var err error
		if pid, err = newPidFile(se.inWorkDir(se.pidFile)); err != nil {
			return core.RestoreResult{}, err
		}
	}
	defer func() { pid.discard() }()
	result, err := core.Restore(ctx, host.Backend(), se.core)
	if err != nil {
		if ctx.Err() == nil {
			pid.discard()
			se.again(err)
		}
		return result, because(ctx, err)
	}
	if se.pidFile != "" {
		err = pid.publish(result.Pid)
	}
	if err == nil {
		se.log.Info("Restore finished successfully. Tasks resumed.") // as CRIU: scripts look for it
	}
	return result, err
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
func become(path string, args []string) error {
	_ = os.Unsetenv(againVar)
	return fmt.Errorf("%s: %w", path, unix.Exec(path, args, os.Environ()))
}

func printRestoreStats(w io.Writer, r core.RestoreResult) {
	fmt.Fprintf(w, "Displaying restore stats:\n")
	fmt.Fprintf(w, "Pages compared: %d (%#[1]x)\n", r.PagesCompared)
	fmt.Fprintf(w, "Pages skipped COW: %d (%#[1]x)\n", r.PagesSkippedCOW)
	fmt.Fprintf(w, "Pages restored: %d (%#[1]x)\n", r.PagesRestored)
	fmt.Fprintf(w, "Restore time: %d us\n", r.Restore.Microseconds())
	fmt.Fprintf(w, "Forking time: %d us\n", r.Forking.Microseconds())
}
