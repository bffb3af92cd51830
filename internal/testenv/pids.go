package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidsVar tells a test binary which of the three processes it is that ownPids makes of it.
const pidsVar = "WOODFROG_TEST_PIDS"

// noPids is the exit status of an init that cannot have the namespace; the go command and tests have 1 and 2.
const noPids = 125

// sharedPids says that the kernel, or a container, lets the tests have no namespace of their own.
var sharedPids bool

// ownPids runs the tests as a child of the first process of a PID namespace, and says with which status they ended: a dump gives the numbers of
// its tasks back until the restore takes them again, and whoever else starts processes may be given them meanwhile. Some tests see to that.
//
// done is false if the tests are to be run by this process: as it is in the namespace, is not root, or there can be none.
func ownPids() (status int, done bool) {
	switch os.Getenv(pidsVar) {
	case "own":
		return 0, false
	case "init":
		return initOfPids(), true
	}
	if missingCaps() != nil {
		return 0, false
	}
	runtime.LockOSThread() // it ends with this thread
	init := self("init")
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err := init.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "tests share their PIDs with others: PID namespace:", err)
		sharedPids = true
		return 0, false
	}
	status = init.ProcessState.ExitCode()
	sharedPids = status == noPids
	return status, !sharedPids
}

// self is this program once more.
func self(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), pidsVar+"="+role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// initOfPids is the first process of the namespace: it has orphans end well, and ends the namespace with the tests.
func initOfPids() int {
	if err := ownProc(); err != nil {
		fmt.Fprintln(os.Stderr, "tests share their PIDs with others:", err)
		return noPids
	}
	tests := self("own")
	if err := tests.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		var status unix.WaitStatus
		switch pid, err := unix.Wait4(-1, &status, unix.WALL, nil); {
		case err == unix.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, "wait4:", err)
			return 1
		case pid == tests.Process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == tests.Process.Pid:
			fmt.Fprintln(os.Stderr, "tests:", status.Signal())
			return 1
		}
	}
}

// ownProc shows the processes of this namespace in /proc, to nobody outside.
func ownProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of their own: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc of their own: %w", err)
	}
	return nil
}
