// Command demo shows what woodfrog does: it starts a small tree of processes that count, freezes it, shows that it is gone,
// thaws it, and shows it counting on from the same numbers with the same PIDs. It needs root, and ends with an error if
// anything it shows is not so.
//
//	demo [-woodfrog FILE]
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/test/workload"
)

// shell is the root of the tree: it starts the worker, which is this program again, and counts.
const shell = `"$0" worker & n=0; while :; do n=$((n+1)); echo $n >> shell; sleep 0.1; done`

// counter is what this program is called as a part of the tree.
const counter = "counter"

const (
	show = time.Second      // how long the tree counts between two looks
	slow = 20 * time.Second // when to give up waiting for something
)

func main() {
	binary := flag.String("woodfrog", filepath.Join("bin", "woodfrog"), "the woodfrog to show")
	flag.Parse()
	var err error
	switch flag.Arg(0) {
	case "worker":
		err = worker()
	case "listener":
		err = listener()
	default:
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
		err = demo(ctx, *binary)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, binary string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("freezing processes needs root")
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	// A PID is free for the restore only when somebody has reaped its process.
	if err := workload.Subreaper(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "woodfrog-demo")
	if err != nil {
		return err
	}
	images := filepath.Join(dir, "images")
	if err := os.Mkdir(images, 0o700); err != nil {
		return err
	}
	root, err := startTree(dir)
	if err != nil {
		return err
	}
	defer func() {
		workload.KillBelow()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), slow)
		defer cancel()
		err = errors.Join(err, workload.Reap(ctx, root), os.RemoveAll(dir))
	}()

	if err := counting(ctx, dir, counts{}); err != nil {
		return err
	}
	title("A shell that counts, a worker with threads, an open file and a pipe to a child")
	pids := steady(root)
	fmt.Println()
	printTree(root, 0)
	if err := pause(ctx, show); err != nil {
		return err
	}
	printCounts(readCounts(dir))

	title("Frozen")
	if err := engine(ctx, binary, "dump", "-t", strconv.Itoa(root), "-D", images, "-o", "dump.log"); err != nil {
		return err
	}
	if err := workload.Reap(ctx, root); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); err == nil {
			return fmt.Errorf("process %d: still there after the dump", pid)
		}
	}
	fmt.Printf("gone: there is no process %s any more\n", list(pids))
	frozen := readCounts(dir)
	if err := pause(ctx, show); err != nil {
		return err
	}
	if now := readCounts(dir); now != frozen {
		return fmt.Errorf("somebody counts while all is frozen: %v, then %v", frozen, now)
	}
	printCounts(frozen)
	if err := showImage(ctx, binary, images); err != nil {
		return err
	}

	title("Thawed")
	if err := engine(ctx, binary, "restore", "-d", "-D", images, "-o", "restore.log"); err != nil {
		return err
	}
	if err := counting(ctx, dir, frozen); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); err != nil {
			return fmt.Errorf("process %d: not there after the restore: %w", pid, err)
		}
	}
	printTree(root, 0)
	if err := pause(ctx, show); err != nil {
		return err
	}
	printCounts(readCounts(dir))
	if err := consecutive(dir); err != nil {
		return err
	}
	fmt.Printf("\nThe same PIDs (%s), and no number left out or written twice.\n", list(pids))
	return nil
}

// startTree starts the shell in a session of its own, so that it has nothing to do with our terminal.
func startTree(dir string) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	// The file that runs must stay where the image will look for it; go run deletes its own.
	exe := filepath.Join(dir, counter)
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(exe, text, 0o700)
	}
	if err != nil {
		return 0, err
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		return 0, err
	}
	if err := workload.CloseOnExec(); err != nil {
		return 0, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(sh, []string{"sh", "-c", shell, exe}, &os.ProcAttr{
		Dir:   dir,
		Env:   []string{"PATH=" + os.Getenv("PATH")},
		Files: []*os.File{null, null, null},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	pid = p.Pid // which Release forgets
	return pid, p.Release()
}

// engine runs woodfrog, shows its command line and output, and says how long it took.
func engine(ctx context.Context, binary string, args ...string) error {
	fmt.Printf("\n$ woodfrog %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return fmt.Errorf("woodfrog %s: %w", args[0], err)
	}
	fmt.Printf("%s took %.1f ms\n", args[0], float64(took.Microseconds())/1000)
	return nil
}

// steady are the processes that live as long as the tree: not the shell's sleep, of which there is always another.
func steady(root int) []int {
	return slices.DeleteFunc(workload.Tree(root), func(pid int) bool { return pid != root && name(pid) != counter })
}

// showImage shows the process tree of the image, which is the first paragraph of what show prints.
func showImage(ctx context.Context, binary, images string) error {
	fmt.Printf("\n$ woodfrog show -D %s\n", images)
	cmd := exec.CommandContext(ctx, binary, "show", "-D", images)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("woodfrog show: %w", err)
	}
	tree, _, _ := strings.Cut(string(out), "\n\n")
	fmt.Println(tree)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
