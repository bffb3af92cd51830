package file

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// TestEntries makes entries of what a kernel wrote (6.18) to fdinfo.
func TestEntries(t *testing.T) {
	const head = "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1057\n"
	fown := &image.FownEntry{}
	for _, c := range []struct {
		link, fdinfo string
		want         *image.FileEntry
	}{
		{"anon_inode:[eventfd]", head + "eventfd-count:               2a\neventfd-id: 9\neventfd-semaphore: 0\n",
			&image.FileEntry{Type: image.FdTypes_EVENTFD, Id: 1, Efd: &image.EventfdFileEntry{Id: 1, Flags: unix.O_RDWR, Counter: 42, Fown: fown}}},
		{"anon_inode:[eventfd]", head + "eventfd-count: ffffffffffffffff\neventfd-id: 9\neventfd-semaphore: 1\n",
			&image.FileEntry{Type: image.FdTypes_EVENTFD, Id: 1, Efd: &image.EventfdFileEntry{Id: 1, Flags: unix.O_RDWR | unix.EFD_SEMAPHORE,
				Counter: math.MaxUint64, Fown: fown}}},
		{"anon_inode:[signalfd]", head + "sigmask:\t0000000000004800\n",
			&image.FileEntry{Type: image.FdTypes_SIGNALFD, Id: 1, Sgfd: &image.SignalfdEntry{Id: 1, Flags: unix.O_RDWR, Sigmask: 0x4800, Fown: fown}}},
		{"anon_inode:[timerfd]", head + "clockid: 7\nticks: 3\nsettime flags: 01\nit_value: (0, 49406829)\nit_interval: (1, 0)\n",
			&image.FileEntry{Type: image.FdTypes_TIMERFD, Id: 1, Tfd: &image.TimerfdEntry{Id: 1, Flags: unix.O_RDWR, Clockid: 7, Ticks: 3, SettimeFlags: 1,
				Vnsec: 49406829, Isec: 1, Fown: fown}}},
		{"pipe:[4711]", "pos:\t0\nflags:\t02004001\nmnt_id:\t14\nino:\t4711\n",
			&image.FileEntry{Type: image.FdTypes_PIPE, Id: 1, Pipe: &image.PipeEntry{Id: 1, PipeId: 4711, Flags: unix.O_WRONLY | unix.O_NONBLOCK, Fown: fown}}},
	} {
		info, err := procfs.ParseFdinfo([]byte(c.fdinfo))
		require.NoError(t, err, c.link)
		tb := NewTable(Options{})
		d := &description{Descriptor: &Descriptor{Task: &task.Task{Pid: 1}, Link: c.link, Info: info}, fown: fown}
		require.NoError(t, tb.describe(d), c.link)
		require.Equal(t, []*image.FileEntry{c.want}, tb.Entries, c.link)
	}
}

// What is not served is refused by name.
func TestRefused(t *testing.T) {
	for link, want := range map[string]string{
		"socket:[77]":                  "a socket",
		"anon_inode:inotify":           "an inotify instance",
		"anon_inode:[io_uring]":        "an io_uring instance",
		"anon_inode:[something new]":   "an anonymous kind of file",
		"net:[4026531840]":             "a namespace",
		"something else":               "an unknown kind of file",
		"anon_inode:[eventfd]":         "eventfd-count: missing",
		"anon_inode:[timerfd]":         "clockid: missing",
		"anon_inode:[signalfd]":        "sigmask: missing",
		"pipe:[x]":                     "inode",
		"/no/such/directory (deleted)": "",
	} {
		tb := NewTable(Options{})
		d := &description{Descriptor: &Descriptor{Task: &task.Task{Pid: 1 << 30}, Link: link}, fown: &image.FownEntry{}}
		require.ErrorContains(t, tb.describe(d), want, link)
	}
}

// Two file systems may have fifos of the same inode number.
func TestChannelIDs(t *testing.T) {
	tb := NewTable(Options{})
	d := &description{Descriptor: &Descriptor{Task: &task.Task{Pid: 1}}}
	ids := []uint32{
		tb.channel(channelKey{fifo: true, dev: 1, ino: 12}, d).id,
		tb.channel(channelKey{fifo: true, dev: 2, ino: 12}, d).id,
		tb.channel(channelKey{fifo: true, dev: 1, ino: 12}, d).id,
		tb.channel(channelKey{ino: 12}, d).id,
	}
	require.Equal(t, []uint32{12, 13, 12, 12}, ids)
}

// A lock is met with each descriptor of its description, and is one; who took it is preferred.
func TestLocksOnce(t *testing.T) {
	lock := func(kind procfs.LockKind) []procfs.Lock {
		return []procfs.Lock{{Kind: kind, Type: procfs.LockWrite, PID: 20, End: procfs.LockEOF}}
	}
	for _, c := range []struct {
		kind  procfs.LockKind
		locks int
		fd    int
	}{{procfs.LockFlock, 1, 7}, {procfs.LockOFD, 1, 4}, {procfs.LockPosix, 2, 4}} {
		tb := NewTable(Options{FileLocks: true})
		d := &description{id: 1}
		locks := lock(c.kind)
		if c.kind == procfs.LockOFD {
			locks[0].PID = -1
		}
		parent, child := &fdTable{id: 1, task: &task.Task{Pid: 10}}, &fdTable{id: 2, task: &task.Task{Pid: 20}}
		require.NoError(t, tb.holds(parent, d, 4, locks))
		require.NoError(t, tb.holds(parent, d, 5, locks))
		require.NoError(t, tb.holds(child, d, 7, locks))
		require.NoError(t, tb.holds(child, d, 8, locks))
		require.Len(t, tb.locks, c.locks, c.kind)
		require.Equal(t, c.fd, tb.locks[0].fd, c.kind)
	}
	err := NewTable(Options{}).holds(nil, &description{Descriptor: &Descriptor{Link: "/x"}}, 4, lock(procfs.LockLease))
	require.ErrorContains(t, err, "/x: has a lock (LEASE WRITE): --file-locks")
}

func TestTermios(t *testing.T) {
	want := &unix.Termios{Iflag: 1, Oflag: 2, Cflag: 3, Lflag: 4, Line: 5}
	for i := range ccBytes {
		want.Cc[i] = uint8(100 + i)
	}
	e := termiosEntry(want)
	require.Len(t, e.CCc, ccBytes)
	require.Equal(t, uint32(103<<24|102<<16|101<<8|100), e.CCc[0])
	got, err := termios(e)
	require.NoError(t, err)
	require.Equal(t, want, got)
	e.CCc = e.CCc[1:]
	_, err = termios(e)
	require.ErrorContains(t, err, "c_cc: 18 words")
}

// An eventfd that is asked for its kind counts as before.
func TestIsSemaphore(t *testing.T) {
	for _, flags := range []int{0, unix.EFD_SEMAPHORE} {
		for _, count := range []uint64{0, 1, 2, 3, 1 << 40} {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK|flags)
			require.NoError(t, err)
			if count > 0 {
				require.NoError(t, writeCount(fd, count))
			}
			is, err := isSemaphore(fd, count)
			require.NoError(t, err)
			require.Equal(t, flags != 0, is, count)
			self, err := procfs.Open(procfs.Root, unix.Getpid())
			require.NoError(t, err)
			info, err := self.Fdinfo(fd)
			require.NoError(t, err)
			require.Equal(t, count, info.Eventfd.Count)
			require.NoError(t, self.Close())
			require.NoError(t, unix.Close(fd))
		}
	}
}

// sorted finds what is there, whatever the order in which it came.
func TestSorted(t *testing.T) {
	s := sorted[int]{compare: func(a, b int) (int, error) {
		switch {
		case a < b:
			return kcmpLess, nil
		case a > b:
			return kcmpGreater, nil
		}
		return kcmpEqual, nil
	}}
	for i := range 500 {
		x := i * 7919 % 100
		got, err := s.insert(x)
		require.NoError(t, err)
		require.Equal(t, x, got)
	}
	require.Len(t, s.items, 100)
	require.IsIncreasing(t, s.items)
}
