package linux_test

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// area is a private mapping of n pages; pages are written to by the test.
func area(t *testing.T, n int) (mem []byte, start uint64) {
	mem, err := unix.Mmap(-1, 0, n*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	require.NoError(t, unix.Madvise(mem, unix.MADV_NOHUGEPAGE))
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem, uint64(uintptr(unsafe.Pointer(&mem[0])))
}

func open(t *testing.T, name string) int {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func TestPagemapScan(t *testing.T) {
	testenv.Needs(t, testenv.PagemapScan)
	page := uint64(os.Getpagesize())
	mem, start := area(t, 8)
	for _, i := range []uint64{1, 2, 5} {
		mem[i*page] = 1
	}
	fd := open(t, "/proc/self/pagemap")
	arg := linux.PmScanArg{
		Start: start, End: start + 8*page,
		CategoryMask: linux.PAGE_IS_PRESENT, ReturnMask: linux.PAGE_IS_PRESENT | linux.PAGE_IS_FILE,
	}
	regions := make([]linux.PageRegion, 4)
	n, err := linux.PagemapScan(fd, &arg, regions)
	require.NoError(t, err)
	require.Equal(t, arg.End, arg.WalkEnd)
	require.Equal(t, []linux.PageRegion{
		{Start: start + page, End: start + 3*page, Categories: linux.PAGE_IS_PRESENT},
		{Start: start + 5*page, End: start + 6*page, Categories: linux.PAGE_IS_PRESENT},
	}, regions[:n])

	// With room for one region the scan says where to go on.
	n, err = linux.PagemapScan(fd, &arg, regions[:1])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.LessOrEqual(t, arg.WalkEnd, start+5*page)

	_, err = linux.PagemapScan(open(t, os.DevNull), &arg, regions)
	require.Equal(t, unix.ENOTTY, err)
}

func TestQueryProcmap(t *testing.T) {
	testenv.Needs(t, testenv.ProcmapQuery)
	_, start := area(t, 2)
	fd := open(t, "/proc/self/maps")
	q := linux.ProcmapQuery{QueryAddr: start}
	n, err := linux.QueryProcmap(fd, &q, nil)
	require.NoError(t, err)
	require.Zero(t, n)
	require.LessOrEqual(t, q.VmaStart, start)
	require.Greater(t, q.VmaEnd, start)
	require.Equal(t, uint64(linux.PROCMAP_QUERY_VMA_READABLE|linux.PROCMAP_QUERY_VMA_WRITABLE), q.VmaFlags)
	require.Equal(t, uint64(os.Getpagesize()), q.VmaPageSize)

	exe, err := os.Executable()
	require.NoError(t, err)
	q = linux.ProcmapQuery{QueryFlags: linux.PROCMAP_QUERY_COVERING_OR_NEXT_VMA | linux.PROCMAP_QUERY_FILE_BACKED_VMA}
	name := make([]byte, unix.PathMax)
	n, err = linux.QueryProcmap(fd, &q, name)
	require.NoError(t, err)
	require.Equal(t, exe, string(name[:n]))
	require.NotZero(t, q.Inode)

	_, err = linux.QueryProcmap(fd, &q, name[:2])
	require.Equal(t, unix.ENAMETOOLONG, err)
	_, err = linux.QueryProcmap(fd, &linux.ProcmapQuery{}, nil)
	require.Equal(t, unix.ENOENT, err)
}

func TestKcmp(t *testing.T) {
	testenv.Needs(t, testenv.Kcmp)
	self := os.Getpid()
	a, b := open(t, os.DevNull), open(t, os.DevNull)
	same, err := unix.FcntlInt(uintptr(a), unix.F_DUPFD_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(same)
	order := func(x, y int) int {
		o, err := linux.KcmpFile(self, self, x, y)
		require.NoError(t, err)
		return o
	}
	require.Zero(t, order(a, same))
	require.ElementsMatch(t, []int{1, 2}, []int{order(a, b), order(b, a)})
	_, err = linux.KcmpFile(self, self, a, 1<<20)
	require.Equal(t, unix.EBADF, err)

	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(poll)
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(event)
	require.NoError(t, unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN}))
	slot := linux.EpollSlot{Efd: uint32(poll), Tfd: uint32(event)}
	o, err := linux.KcmpEpoll(self, self, event, slot)
	require.NoError(t, err)
	require.Zero(t, o)
	o, err = linux.KcmpEpoll(self, self, a, slot)
	require.NoError(t, err)
	require.NotZero(t, o)
	slot.Toff = 1
	_, err = linux.KcmpEpoll(self, self, event, slot)
	require.Equal(t, unix.ENOENT, err)
}

func TestOwner(t *testing.T) {
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	o, err := linux.GetOwner(fds[0])
	require.NoError(t, err)
	require.Zero(t, o.PID)
	want := linux.Owner{Type: linux.F_OWNER_PGRP, PID: int32(unix.Getpgrp())}
	require.NoError(t, linux.SetOwner(fds[0], want))
	o, err = linux.GetOwner(fds[0])
	require.NoError(t, err)
	require.Equal(t, want, o)
	require.Equal(t, unix.EINVAL, linux.SetOwner(fds[0], linux.Owner{Type: 3}))

	testenv.Needs(t, testenv.CheckpointRestore)
	uid, euid, err := linux.GetOwnerUIDs(fds[0])
	require.NoError(t, err)
	require.Equal(t, [2]uint32{uint32(os.Getuid()), uint32(os.Geteuid())}, [2]uint32{uid, euid})
	size, err := linux.MMMapSize()
	require.NoError(t, err)
	require.GreaterOrEqual(t, size, 100)
}

// A program that is traced from its exec on stops at its next system call, and after it.
func TestGetSyscallInfo(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("sleep", "100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	require.NoError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	pid := cmd.Process.Pid
	stop := func() {
		_, status, err := linux.Wait(pid, false)
		require.NoError(t, err)
		require.True(t, status.Stopped())
	}
	stop()
	info, err := linux.GetSyscallInfo(pid)
	require.NoError(t, err)
	require.Equal(t, uint8(unix.PTRACE_SYSCALL_INFO_NONE), info.Op)
	require.NotZero(t, info.IP)
	require.NotZero(t, info.SP)
	require.NoError(t, linux.SetOptions(pid, unix.PTRACE_O_TRACESYSGOOD))

	require.NoError(t, linux.ContSyscall(pid, 0))
	stop()
	info, err = linux.GetSyscallInfo(pid)
	require.NoError(t, err)
	require.Equal(t, uint8(unix.PTRACE_SYSCALL_INFO_ENTRY), info.Op)
	require.NotZero(t, info.Arch)

	require.NoError(t, linux.ContSyscall(pid, 0))
	stop()
	info, err = linux.GetSyscallInfo(pid)
	require.NoError(t, err)
	require.Equal(t, uint8(unix.PTRACE_SYSCALL_INFO_EXIT), info.Op)

	require.Equal(t, unix.ESRCH, linux.Detach(os.Getpid(), 0))
}

func TestFutexWaitEnds(t *testing.T) {
	w := linux.Word(make([]byte, 4), 0)
	begin := time.Now()
	require.NoError(t, linux.FutexWait(w, 0, time.Millisecond))
	require.GreaterOrEqual(t, time.Since(begin), time.Millisecond/2)
	require.NoError(t, linux.FutexWait(w, 1, time.Hour))
}
