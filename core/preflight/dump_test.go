package preflight

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/x86"
	"woodfrog/core/kerndat"
	"woodfrog/internal/testenv"
)

// options are those of a dump of pid.
func options(t testing.TB, pid int) DumpOptions {
	return DumpOptions{
		Pid: pid, ABIs: []*arch.ABI{x86.X86_64}, ImagesDir: t.TempDir(), Facts: &kerndat.Facts{}, Log: slog.New(slog.DiscardHandler),
	}
}

// found are the obstacles to the dump of o.
func found(t testing.TB, o DumpOptions) Obstacles {
	t.Helper()
	err := Dump(context.Background(), o)
	var all Obstacles
	if err != nil {
		require.True(t, errors.As(err, &all), err)
	}
	return all
}

// start starts this program in a role of role_test.go and returns its PID. change changes how it is started.
func start(t testing.TB, role string, change func(*exec.Cmd)) int {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BE_TASK="+role, "GODEBUG=asyncpreemptoff=1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if change != nil {
		change(cmd)
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	await(t, func() bool {
		b, err := os.ReadFile(out.Name())
		return err == nil && (strings.Contains(string(b), "\n") || cmd.SysProcAttr.Ptrace)
	})
	b, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	require.NotContains(t, string(b), "FAIL")
	return cmd.Process.Pid
}

func await(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "not done in time")
	}
}

func TestPlainTask(t *testing.T) {
	testenv.Root(t)
	for _, role := range []string{"plain", "o_path"} {
		require.Empty(t, found(t, options(t, start(t, role, nil))), role)
	}
	for _, o := range found(t, options(t, start(t, "closed pipe", nil))) {
		require.NotContains(t, o.Cause, "outside")
	}
}

// Everything that can be provoked on any machine, each for real.
func TestObstaclesOfTasks(t *testing.T) {
	testenv.Root(t)
	t.Cleanup(func() {
		_, err := call(unix.SYS_MQ_UNLINK, address(memory(64, queue(os.Getpid())...)))
		require.NoError(t, err)
	})
	for _, c := range []struct {
		role   string
		change func(*exec.Cmd)
		thing  string // its beginning
		cause  string
		remedy string
	}{
		{role: "socket", thing: "fd ", cause: "a socket (IPv4 stream): not served yet", remedy: "close the connection"},
		{role: "unix", thing: "fd ", cause: "a socket (Unix datagram): not served yet", remedy: "close the connection"},
		{role: "inotify", thing: "fd ", cause: "anon_inode:inotify: an inotify instance: not served yet", remedy: "close it"},
		{role: "fanotify", thing: "fd ", cause: "a fanotify group", remedy: "close it"},
		{role: "pidfd", thing: "fd ", cause: "a pidfd", remedy: "close it"},
		{role: "userfaultfd", thing: "fd ", cause: "a userfaultfd", remedy: "close it"},
		{role: "io_uring", thing: "fd ", cause: "an io_uring instance", remedy: "io_uring_disabled"},
		{role: "bpf", thing: "fd ", cause: "a BPF map", remedy: "close it"},
		{role: "perf", thing: "fd ", cause: "a performance counter", remedy: "end the measurement"},
		{role: "tun", thing: "fd ", cause: "/dev/net/tun: character device 10:200", remedy: "close it"},
		{role: "ptmx", thing: "fd ", cause: "/dev/ptmx: the other side of a terminal", remedy: "dump the program that runs in the terminal"},
		{role: "queue", thing: "fd ", cause: "a POSIX message queue: not served yet", remedy: "close it"},
		{role: "deleted", thing: "fd ", cause: "/deleted: a deleted file: not served yet", remedy: "restart the program"},
		{role: "deleted cwd", thing: "cwd", cause: "/gone is deleted", remedy: "restart the program"},
		{role: "cwd in proc", thing: "cwd", cause: " is of a task of the tree: not served yet", remedy: "another directory"},
		{role: "thread's network", thing: "network namespace", cause: "has another than the process"},
		{role: "shared file of proc", thing: "fd ", cause: "/status: shared with process ", remedy: "each by itself"},
		{role: "aio", thing: "vma ", cause: "an AIO ring: not served yet", remedy: "without kernel AIO"},
		{role: "sysv", thing: "vma ", cause: "System V shared memory: not served yet", remedy: "shm_open"},
		{role: "deleted map", thing: "vma ", cause: "/deleted: a deleted file: not served yet", remedy: "restart the program"},
		{role: "flock", thing: "fd ", cause: "/locked: a lock (FLOCK) is held on it", remedy: "use --file-locks"},
		{role: "posix lock", thing: "fd ", cause: "/locked: a lock (POSIX) is held on it", remedy: "use --file-locks"},
		{role: "shared memory", thing: "memory", cause: "is that of process ", remedy: "dump it when"},
		{role: "leader exits", thing: "process", cause: "its main thread has exited", remedy: "wait"},
		{role: "plain", change: func(c *exec.Cmd) { c.SysProcAttr.Setsid = false }, thing: "session ", cause: "its leader", remedy: "use --shell-job"},
		{role: "plain", change: unshare(unix.CLONE_NEWNET), thing: "network namespace", cause: "is not that of woodfrog", remedy: "--net woodfrog"},
		{role: "plain", change: unshare(unix.CLONE_NEWUTS | unix.CLONE_NEWIPC), thing: "IPC, UTS namespace", cause: "is not that of woodfrog", remedy: "--ipc --uts"},
		{role: "plain", change: unshare(unix.CLONE_NEWPID), thing: "PID, PID (of its children) namespace", cause: "is not that of woodfrog", remedy: "--pid"},
		{role: "plain", change: unshare(unix.CLONE_NEWCGROUP), thing: "cgroup namespace", cause: "is not that of woodfrog", remedy: "--cgroup"},
		{role: "plain", change: func(c *exec.Cmd) {
			c.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
		}, thing: "mount namespace", cause: "is not that of woodfrog", remedy: "--mount"},
		{role: "plain", change: inPipe(t), thing: "fd 3", cause: "a process outside of the tree writes it", remedy: "in a shell by 3>&-"},
	} {
		name := c.role
		if c.change != nil {
			name = c.thing
		}
		t.Run(name, func(t *testing.T) {
			pid := start(t, c.role, c.change)
			all := found(t, options(t, pid))
			for _, o := range all {
				if strings.HasPrefix(o.Thing, c.thing) && strings.Contains(o.Cause, c.cause) && strings.Contains(o.Remedy, c.remedy) {
					return
				}
			}
			t.Errorf("%s: %q: not among\n%+v", c.thing, c.cause, all)
		})
	}
}

func unshare(flags uintptr) func(*exec.Cmd) {
	return func(c *exec.Cmd) { c.SysProcAttr.Cloneflags = flags }
}

// inPipe gives a task the read end of a pipe as descriptor 3.
func inPipe(t *testing.T) func(*exec.Cmd) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return func(c *exec.Cmd) { c.ExtraFiles = []*os.File{r} }
}

// Options turn obstacles off.
func TestOptionsAllow(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "flock", nil))
	require.Len(t, found(t, o), 1)
	o.FileLocks = true
	require.Empty(t, found(t, o))

	o = options(t, start(t, "plain", func(c *exec.Cmd) { c.SysProcAttr.Setsid = false }))
	require.Len(t, found(t, o), 1)
	o.ShellJob = true
	require.Empty(t, found(t, o))
}

// All obstacles come at once.
func TestManyObstacles(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "socket,inotify,deleted,pidfd,sysv", nil))
	o.ImagesDir = filepath.Join(o.ImagesDir, "none")
	all := found(t, o)
	require.Len(t, all, 6, "%v", all)
	require.Zero(t, all[0].Pid)
	require.Equal(t, "images "+o.ImagesDir, all[0].Thing)
	require.Contains(t, all[0].Remedy, "mkdir -p")
	for _, x := range all[1:] {
		require.Equal(t, o.Pid, x.Pid)
	}
}

func TestNoSuchTask(t *testing.T) {
	all := found(t, options(t, 1<<30))
	require.Equal(t, Obstacles{{1 << 30, "process", "there is none of that PID", absent}}, all)
}

func TestThread(t *testing.T) {
	testenv.Root(t)
	pid := start(t, "plain", nil)
	all := found(t, options(t, aThread(t, pid)))
	require.Len(t, all, 1)
	require.Equal(t, "it is a thread of process "+itoa(pid), all[0].Cause)
}

// A tree that holds the engine is told so, and nothing else.
func TestItself(t *testing.T) {
	for _, pid := range []int{os.Getpid(), os.Getppid()} {
		all := found(t, options(t, pid))
		require.Len(t, all, 1)
		require.Equal(t, os.Getpid(), all[0].Pid)
		require.Contains(t, all[0].Cause, "itself")
	}
}

func TestTracedTask(t *testing.T) {
	testenv.Root(t)
	// The child of this process's thread is traced by it from its execve on.
	pid := start(t, "plain", func(c *exec.Cmd) { c.SysProcAttr.Ptrace = true })
	all := found(t, options(t, pid))
	require.Len(t, all, 1)
	require.Contains(t, all[0].Cause, "traces it already")
	require.Contains(t, all[0].Remedy, "let it detach")
}

// Without privileges the tasks of others are closed, and the error says what is missing.
func TestWithoutPrivileges(t *testing.T) {
	testenv.Root(t)
	pid := start(t, "plain", nil)
	cmd := exec.Command("/proc/self/exe", "-test.run=TestAsNobody", "-test.v")
	cmd.Env = append(os.Environ(), "LOOK_AT="+itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "OBSTACLE process: may not be traced: it belongs to user 0, woodfrog runs as user 65534 without CAP_SYS_PTRACE")
}

// What the engine has no ABI for is refused by name.
func TestProgramOf32Bits(t *testing.T) {
	testenv.Root(t)
	pid := startI386(t)
	all := found(t, options(t, pid))
	require.Len(t, all, 1)
	require.Contains(t, all[0].Cause, "a 32-bit program (EM_386): this ABI is not served")
}

// A pipe whose ends are both in the tree, in two tasks, is none.
func TestPipeWithin(t *testing.T) {
	testenv.Root(t)
	cmd := exec.Command("sh", "-c", "sleep 1000 | { echo ready >&2; cat; }")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = t.TempDir()
	out, err := os.Create(filepath.Join(cmd.Dir, "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout = out
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
	})
	_, err = bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	for _, o := range found(t, options(t, cmd.Process.Pid)) {
		if strings.Contains(o.Cause, "outside") {
			require.Equal(t, "fd 2", o.Thing, o) // whose other end is ours
		}
	}
}

// TestExitedTask: of what has exited there is no more to say, whatever else is odd about it.
func TestExitedTask(t *testing.T) {
	testenv.Root(t)
	cmd := exec.Command("true")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	await(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat")
		return err == nil && strings.Contains(string(stat), ") Z ")
	})
	all := found(t, options(t, cmd.Process.Pid))
	require.Len(t, all, 1)
	require.Contains(t, all[0].Cause, "has exited and waits for its parent")
}

func TestImagesWhereNoFilesAre(t *testing.T) {
	testenv.Root(t)
	for _, dir := range []string{"/proc", "/sys"} {
		o := options(t, start(t, "plain", nil))
		o.ImagesDir = dir
		all := found(t, o)
		require.Len(t, all, 1, dir)
		require.Equal(t, "images "+dir, all[0].Thing)
		require.Contains(t, all[0].Cause, "takes no files")
	}
}

// A tree that is looked at again is not spoken of again.
func TestWarnsOnce(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "leader vforks", nil))
	await(t, func() bool { return state(o.Pid) == 'D' })
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	require.NotEmpty(t, found(t, o))
	require.Equal(t, 1, strings.Count(log.String(), "may not stop in time"), log.String())
}

// A file is no directory, whether it may be executed or not.
func TestImagesDirThatIsAFile(t *testing.T) {
	testenv.Root(t)
	o := options(t, start(t, "plain", nil))
	o.ImagesDir = filepath.Join(o.ImagesDir, "file")
	for _, mode := range []os.FileMode{0o644, 0o755} {
		require.NoError(t, os.WriteFile(o.ImagesDir, nil, mode))
		require.NoError(t, os.Chmod(o.ImagesDir, mode))
		all := found(t, o)
		require.Equal(t, Obstacles{{0, "images " + o.ImagesDir, "not a directory", "choose another directory with --images-dir"}}, all)
	}
}
