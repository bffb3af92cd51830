package procfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// self is this process, as the kernel shows it.
func self(t *testing.T) *Task {
	testenv.Needs(t, testenv.OwnProc)
	task, err := Open(Root, os.Getpid())
	require.NoError(t, err)
	t.Cleanup(func() { _ = task.Close() })
	return task
}

// Files of every kind, made with known properties, read back from this kernel.
func TestKinds(t *testing.T) {
	task := self(t)
	read := func(fd int, err error) Fdinfo {
		t.Helper()
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		info, err := task.Fdinfo(fd)
		require.NoError(t, err)
		return info
	}
	info := read(unix.Eventfd(300, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC))
	require.Equal(t, uint64(300), info.Eventfd.Count)
	require.Equal(t, uint32(unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC), info.Flags)

	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(event)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	require.NoError(t, unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 77, Pad: -1}))
	target := read(poll, nil).Epoll[0]
	require.Equal(t, event, target.Fd)
	require.Equal(t, uint64(0xffffffff0000004d), target.Data)
	require.NotZero(t, target.Events&unix.EPOLLIN)

	var mask unix.Sigset_t
	mask.Val[0] = 1 << (unix.SIGUSR1 - 1)
	require.Equal(t, uint64(1)<<(unix.SIGUSR1-1), *read(unix.Signalfd(-1, &mask, unix.SFD_CLOEXEC)).Signalfd)

	timer, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC)
	require.NoError(t, err)
	require.NoError(t, unix.TimerfdSettime(timer, 0, &unix.ItimerSpec{
		Value: unix.NsecToTimespec(int64(time.Hour)), Interval: unix.Timespec{Sec: 5, Nsec: 6}}, nil))
	info = read(timer, nil)
	require.Equal(t, unix.CLOCK_BOOTTIME, info.Timerfd.ClockID)
	require.Equal(t, Timespec{5, 6}, info.Timerfd.Interval)
	require.InDelta(t, 3600, info.Timerfd.Value.Sec, 60)

	notify, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	require.NoError(t, err)
	dir := t.TempDir()
	wd, err := unix.InotifyAddWatch(notify, dir, unix.IN_CREATE)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(dir, &st))
	watch := read(notify, nil).Inotify[0]
	require.Equal(t, wd, watch.Wd)
	require.Equal(t, st.Ino, watch.Ino)
	require.Equal(t, uint32(unix.IN_CREATE), watch.Mask)
	major, minor := KernelDev(watch.Sdev)
	require.Equal(t, unix.Mkdev(major, minor), uint64(st.Dev))

	info = read(unix.PidfdOpen(os.Getpid(), 0))
	require.Equal(t, os.Getpid(), info.Pidfd.PID)

	f, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Seek(4096, 0)
	require.NoError(t, err)
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: 7, Len: 3}))
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_SH))
	info, err = task.Fdinfo(int(f.Fd()))
	require.NoError(t, err)
	require.Equal(t, int64(4096), info.Pos)
	require.Len(t, info.Locks, 2)
	require.NoError(t, unix.Fstat(int(f.Fd()), &st))
	for _, l := range info.Locks {
		require.Equal(t, os.Getpid(), l.PID)
		require.Equal(t, st.Ino, l.Ino)
		if l.Kind == LockPosix {
			require.Equal(t, [2]int64{7, 9}, [2]int64{l.Start, l.End})
			require.Equal(t, LockWrite, l.Type)
		} else {
			require.Equal(t, LockFlock, l.Kind)
			require.Equal(t, LockRead, l.Type)
		}
	}
	locks, err := ReadLocks(Root)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(locks), 2)
}

// The rest of what this process reads of itself.
func TestSelfMore(t *testing.T) {
	task := self(t)
	limits, err := task.Limits()
	require.NoError(t, err)
	for i, l := range limits {
		var r unix.Rlimit
		require.NoError(t, unix.Getrlimit(i, &r))
		require.Equal(t, Limit{r.Cur, r.Max}, l, limitNames[i])
	}
	args, err := task.Cmdline()
	require.NoError(t, err)
	require.Equal(t, os.Args, args)
	_, err = task.Environ()
	require.NoError(t, err)

	const atPagesz = 6
	auxv, err := task.Auxv(strconv.IntSize / 8)
	require.NoError(t, err)
	require.Contains(t, auxv, Auxv{atPagesz, uint64(os.Getpagesize())})

	_, err = task.Personality()
	require.NoError(t, err)
	_, err = task.OOMScoreAdj()
	require.NoError(t, err)
	filter, err := task.CoredumpFilter()
	require.NoError(t, err)
	require.NotZero(t, filter)
	slack, err := task.TimerslackNs()
	require.NoError(t, err)
	require.NotZero(t, slack)

	var st unix.Stat_t
	require.NoError(t, unix.Stat("/proc/self/ns/mnt", &st))
	ino, err := task.Ns("mnt")
	require.NoError(t, err)
	require.Equal(t, st.Ino, ino)

	mounts, err := task.Mountinfo()
	require.NoError(t, err)
	points := map[string]string{}
	for _, m := range mounts {
		points[m.MountPoint] = m.FSType
	}
	require.Equal(t, "proc", points["/proc"])
	groups, err := task.Cgroup()
	require.NoError(t, err)
	require.NotEmpty(t, groups)
	maps, err := task.UIDMap()
	require.NoError(t, err)
	require.NotEmpty(t, maps)
	_, err = task.Timers()
	require.NoError(t, err)

	max, err := ReadSys(Root, "kernel/pid_max")
	require.NoError(t, err)
	n, err := ParseUint([]byte(max), 10)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, uint64(301))

	fd, err := task.OpenFile("pagemap", unix.O_RDONLY)
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
}

func TestChildrenOfSelf(t *testing.T) {
	testenv.Needs(t, testenv.ChildrenFile)
	runtime.LockOSThread() // a child belongs to the thread that made it
	defer runtime.UnlockOSThread()
	cmd := exec.Command("sleep", "100")
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}()
	pids, err := self(t).Thread(unix.Gettid()).Children()
	require.NoError(t, err)
	require.Equal(t, []int{cmd.Process.Pid}, pids)
}

// Lines are handed out whole, however long, and the last one even if it does not end.
func TestReadLines(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("some words\n", 50) + strings.Repeat("long ", 100) + "\n\nthe end"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600))
	d, err := openDir(dir)
	require.NoError(t, err)
	defer d.close()
	for size := 1; size < len(text)+2; size += 1 + size/3 {
		buf := make([]byte, size)
		var got string
		require.NoError(t, d.readLines("f", &buf, func(lines []byte) error {
			if got += string(lines); got != text {
				require.True(t, got == "" || strings.HasSuffix(got, "\n"), "%d: %q", size, lines)
			}
			return nil
		}))
		require.Equal(t, text, got)
	}
	stop := errors.New("enough")
	require.Equal(t, stop, d.readLines("f", &[]byte{0, 0}, func([]byte) error { return stop }))
}

// A file larger than the buffer is read whole, and the buffer keeps its size for the next one.
func TestGrowingBuffer(t *testing.T) {
	dir := t.TempDir()
	big := make([]byte, 5*firstBuffer/2)
	for i := range big {
		big[i] = byte(i / 7)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), big, 0o600))
	d, err := openDir(dir)
	require.NoError(t, err)
	defer d.close()
	for _, e := range []extent{single, records} {
		b, err := d.readFile("f", nil, e)
		require.NoError(t, err)
		require.Equal(t, big, b)
		again, err := d.readFile("f", b, e)
		require.NoError(t, err)
		require.Same(t, &b[0], &again[0])
	}
}
