// Command guest is the first process of a virtual machine, or of a PID namespace of the host (within DIR): it mounts what a system has, lets programs be frozen and thawed by the
// woodfrog that came with it, prints one line for each check and ends the machine.
//
//	RESULT name ok|skip|FAIL what is missing or went wrong
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// workloads are the guest's own.
var workloads = map[string]func(){"nap": nap, "clock": clock, "frames": frames}

func main() {
	if len(os.Args) > 1 && os.Getpid() != 1 {
		workloads[os.Args[1]]()
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: not the first process of a machine")
		os.Exit(1)
	}
	defer end()
	if len(os.Args) == 3 && os.Args[1] == "within" {
		if err := enter(os.Args[2]); err != nil {
			fmt.Println("guest:", err)
			return
		}
	}
	mount()
	if err := modules(); err != nil {
		fmt.Println("guest: modules:", err)
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	fmt.Printf("KERNEL %s\n", unix.ByteSliceToString(u.Release[:]))
	if err := workload.CloseOnExec(); err != nil {
		fmt.Println("guest:", err)
	}
	if err := dropCaps(); err != nil {
		fmt.Println("guest: capabilities:", err)
	}
	orders, err := os.ReadFile("/orders")
	if err != nil {
		fmt.Println("guest:", err)
		return
	}
	for line := range strings.Lines(string(orders)) {
		obey(strings.Fields(line))
	}
}

// obey carries out one order:
//
//	check [NAME]...      the checks of these names, or all but the tests of packages
//	leave NAME TO        start a traveller, dump it, send it as TO
//	pass NAME FROM TO    restore what came as FROM, dump it, send it as TO
//	visit NAME FROM TO   the same at home, where all is to be as it was
//	arrive NAME FROM AS  restore what came home as FROM, where all is to be as it was, and have it end
//	end NAME FROM AS     the same elsewhere
//	refuse NAME FROM AS [WORD]...  see that what came as FROM is not restored, for reasons in which these words are
func obey(order []string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	switch word := order[0]; {
	case word == "check":
		for _, c := range checks {
			if len(order) == 1 && !strings.HasPrefix(c.name, "test-") || slices.Contains(order, c.name) {
				tell(c.name, c.run())
			}
		}
	case word == "leave" && len(order) == 3:
		tell(order[2], leave(ctx, order[1], order[2]))
	case (word == "pass" || word == "visit") && len(order) == 4:
		tell(order[3], pass(ctx, order[1], order[2], order[3], word == "visit"))
	case (word == "arrive" || word == "end") && len(order) == 4:
		tell(order[3], pass(ctx, order[1], order[2], "", word == "arrive"))
	case word == "refuse" && len(order) >= 4:
		tell(order[3], refuse(order[1], order[2], order[4:]))
	default:
		fmt.Println("guest: order not understood:", order)
	}
}

func tell(name string, err error) {
	var missing skipped
	switch {
	case err == nil:
		fmt.Printf("RESULT %s ok\n", name)
	case errors.As(err, &missing):
		fmt.Printf("RESULT %s skip %v\n", name, err)
	default:
		fmt.Printf("RESULT %s FAIL %s\n", name, strings.ReplaceAll(err.Error(), "\n", "\\n"))
	}
}

func end() {
	if r := recover(); r != nil {
		fmt.Println("guest: panic:", r)
	}
	fmt.Println("END")
	_ = unix.IoctlSetInt(unix.Stdout, unix.TCSBRK, 1) // tcdrain(3): what the console has not sent when the machine is off is lost
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// enter makes root the root directory of the mount namespace, which is this process's own.
func enter(root string) error {
	if err := unix.Mount(root, root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", root, err)
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // pivot_root(2), pivot_root(".", ".")
		return fmt.Errorf("pivot_root %s: %w", root, err)
	}
	return unix.Unmount(".", unix.MNT_DETACH)
}

func mount() {
	for _, m := range []struct{ what, where, kind, data string }{
		{"proc", "/proc", "proc", ""}, {"sysfs", "/sys", "sysfs", ""}, {"devtmpfs", "/dev", "devtmpfs", ""},
		{"devpts", "/dev/pts", "devpts", "ptmxmode=0666"}, {"tmpfs", "/dev/shm", "tmpfs", ""},
		{"tmpfs", "/tmp", "tmpfs", "mode=1777"}, {"tmpfs", "/run", "tmpfs", ""}, {"cgroup2", "/sys/fs/cgroup", "cgroup2", ""},
	} {
		_ = os.MkdirAll(m.where, 0o755)
		if err := unix.Mount(m.what, m.where, m.kind, 0, m.data); err != nil {
			fmt.Printf("guest: mount %s: %v\n", m.where, err)
		}
	}
	_ = os.Symlink("/proc/self/fd", "/dev/fd")
	setClock()
	const files = 64 << 10 // as on a machine with an init of its own; some workloads have more than the kernel's 1024
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
		fmt.Println("guest: files:", err)
	}
	raw()
	for name, value := range map[string]string{"PATH": "/bin", "HOME": "/", "TMPDIR": "/tmp"} {
		_ = os.Setenv(name, value)
	}
}

// dropCaps has programs start without the capabilities that they cannot have on all machines, and with limits that are not above those of any.
func dropCaps() error {
	text, err := os.ReadFile("/capabilities")
	if err != nil {
		return nil
	}
	for limit, low := range map[int]uint64{unix.RLIMIT_NPROC: 1 << 10, unix.RLIMIT_NOFILE: 1 << 10, unix.RLIMIT_SIGPENDING: 1 << 10, unix.RLIMIT_MEMLOCK: 64 << 10} {
		if err := unix.Setrlimit(limit, &unix.Rlimit{Cur: low, Max: low}); err != nil {
			return err
		}
	}
	keep, err := strconv.ParseUint(string(text), 16, 64)
	for c := 0; err == nil && c <= unix.CAP_LAST_CAP; c++ {
		if keep>>c&1 != 0 {
			continue
		}
		// children are started by any of the runtime's threads; EINVAL: the kernel has no such capability
		if _, _, e := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); e != 0 && e != unix.EINVAL {
			err = e
		}
	}
	return err
}

// setClock: not every machine has a clock that Linux reads by itself, and the time of day is to go on from one machine to the next.
func setClock() {
	now, err := os.ReadFile("/now")
	if err != nil {
		return
	}
	if sec, err := strconv.ParseInt(string(now), 10, 64); err == nil {
		tv := unix.NsecToTimeval(sec * 1e9)
		_ = unix.Settimeofday(&tv)
	}
}

// raw keeps the console from writing \r.
func raw() {
	if t, err := unix.IoctlGetTermios(1, unix.TCGETS); err == nil {
		t.Oflag &^= unix.OPOST
		_ = unix.IoctlSetTermios(1, unix.TCSETS, t)
	}
}

func modules() error {
	files, err := filepath.Glob("/modules/*.ko")
	if err != nil {
		return err
	}
	for _, f := range files {
		image, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := unix.InitModule(image, ""); err != nil && err != syscall.EEXIST {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}
