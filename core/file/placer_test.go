package file

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/x86"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

func newArea(t *testing.T) *stub.Area {
	t.Helper()
	const size = 1 << 20
	fd, err := stub.NewMemfd(size)
	require.NoError(t, err)
	area, err := stub.NewArea([]*arch.ABI{x86.X86_64}, fd, size, 4096, 1<<32)
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	t.Cleanup(area.Close)
	return area
}

func reg(id uint32, name string, flags uint32) *image.FileEntry {
	return &image.FileEntry{Type: image.FdTypes_REG, Id: id, Reg: &image.RegFileEntry{Id: id, Name: name, Flags: flags}}
}

// aPlan is that of task 10, which makes 11 with its table and 12 with its place in the file system.
func aPlan() Plan {
	umask := uint32(0o22)
	pos := uint64(3)
	files := map[uint32]*image.FileEntry{
		1: reg(1, "/", 0),
		2: reg(2, "/home", 0),
		3: reg(3, "/home/log", unix.O_RDWR),
		4: {Type: image.FdTypes_EVENTPOLL, Id: 4, Epfd: &image.EventpollFileEntry{Id: 4, Tfd: []*image.EventpollTfdEntry{
			{Tfd: 5, Events: unix.EPOLLIN, Data: 9, Pos: &pos}, {Tfd: 5, Events: unix.EPOLLIN, Data: 8},
		}}},
		5: {Type: image.FdTypes_PIPE, Id: 5, Pipe: &image.PipeEntry{Id: 5, Fown: &image.FownEntry{Uid: 7, Euid: 8, PidType: 1, Pid: 12}}},
		6: reg(6, "/proc/12/stat", unix.O_RDONLY),
		7: reg(7, "/jail", 0),
	}
	files[6].Reg.Pos = 20
	shared := []*image.FdinfoEntry{{Fd: 3, Id: 3, Flags: unix.FD_CLOEXEC}, {Fd: 4, Id: 4}, {Fd: 5, Id: 5}, {Fd: 6, Id: 6}, {Fd: 7, Id: 3}}
	return Plan{
		Holders: []Holder{
			{Pid: 10, FilesID: 1, FsID: 1, Fds: shared, Fs: &image.FsEntry{RootId: 7, CwdId: 2, Umask: &umask}},
			{Pid: 11, Maker: 10, FilesID: 1, FsID: 2, Fds: shared, Fs: &image.FsEntry{RootId: 1, CwdId: 2}},
			{Pid: 12, Maker: 10, FilesID: 2, FsID: 1, Fds: []*image.FdinfoEntry{{Fd: 0, Id: 3}}, Fs: &image.FsEntry{RootId: 7, CwdId: 2}},
		},
		Base:  8,
		Fd:    func(id uint32) (int, error) { return int(100 + id), nil },
		Files: files,
		Locks: []*image.FileLockEntry{
			{Flag: lockPosix, Type: unix.F_WRLCK, Pid: 11, Fd: 3, Len: 5},
			{Flag: lockFlock, Type: unix.F_RDLCK, Pid: 10, Fd: 3},
			{Flag: lockLease, Type: leaseBreaking | unix.F_UNLCK, Pid: 12, Fd: 0},
		},
		Later: Later(files, func(tid int) bool { return tid == 12 }),
	}
}

const want10 = `  0  wait(&[4] == 1)
  1  dup3(103, 3, 0x80000)
  2  dup3(104, 4, 0)
  3  dup3(105, 5, 0)
  4  dup3(103, 7, 0)
  5  flock(3, 5)  # lock of /home/log
  6  fchdir(107)
  7  chroot(".")
  8  fchdir(102)
  9  umask(18) ignore
 10  close_range(8, 0xffffffff, 0)
 11  fcntl(3, 6, &[32])  # lock of /home/log
 12  epoll_ctl(4, 1, 5, &[12])
 13  dup3(5, 8, 0x80000)
 14  epoll_ctl(4, 1, 8, &[12])
 15  close(8)
 16  setresuid(7, 8, 0)
 17  fcntl(5, 15, &[8])  # owner of a file
 18  setresuid(0, 0, 0)
 19  openat(-100, "/proc/12/stat", 0x80000)
 20  fcntl(result of openat, 1030, 8)
 21  close(result of openat)
 22  lseek(result of fcntl, 20, 0)
 23  dup3(result of fcntl, 6, 0)
 24  close(result of fcntl)
`

const want11 = `  0  fchdir(102)
  1  add(&[4], 1)
  2  futex(&[4], 1, 0x40000000)  # wake
`

const want12 = `  0  dup3(103, 0, 0)
  1  fcntl(0, 1024, 1)  # lease of /home/log
  2  fcntl(0, 8, 0)
  3  openat(-100, "/home/log", 0x80801) = 0xfffffffffffffff5!  # break the lease
  4  close_range(8, 0xffffffff, 0)
`

func TestPlacer(t *testing.T) {
	area := newArea(t)
	pl, err := NewPlacer(area, aPlan())
	require.NoError(t, err)
	require.Equal(t, uint64(unix.CLONE_FILES), pl.CloneFlags(10, 11))
	require.Equal(t, uint64(unix.CLONE_FS), pl.CloneFlags(10, 12))
	require.Zero(t, pl.CloneFlags(10, 99), "a helper shares nothing")
	for pid, want := range map[int]string{10: want10, 11: want11, 12: want12} {
		p := area.NewProgram(x86.X86_64)
		require.NoError(t, pl.Early(p, pid))
		pl.Late(p, pid)
		require.Equal(t, want, p.String(), pid)
	}
}

func TestPlacerRefuses(t *testing.T) {
	for want, change := range map[string]func(*Plan){
		"task 12: descriptors (ids-12.img: files_id): shared with task 10": func(p *Plan) {
			p.Holders[2].FilesID, p.Holders[2].Maker = 1, 0
		},
		"task 12: working directory (ids-12.img: fs_id): shared with task 10": func(p *Plan) { p.Holders[2].Maker = 0 },
		"filelocks.img: pid: 99: no task":                                     func(p *Plan) { p.Locks[0].Pid = 99 },
		"files.img: id 6: /proc/12/stat: shared by tasks": func(p *Plan) {
			p.Holders[2].Fds = append(p.Holders[2].Fds, &image.FdinfoEntry{Fd: 1, Id: 6})
		},
		"files.img: id 6: /proc/12/stat: the working directory": func(p *Plan) { p.Holders[2].Fs.CwdId = 6 },
	} {
		plan := aPlan()
		change(&plan)
		_, err := NewPlacer(newArea(t), plan)
		require.ErrorContains(t, err, want)
	}
	for want, change := range map[string]func(*Plan){
		"filelocks.img: pid 10: fd: 77: no such descriptor":        func(p *Plan) { p.Locks[1].Fd = 77 },
		"filelocks.img: pid 10: flag: 3: no kind of lock":          func(p *Plan) { p.Locks[1].Flag = 3 },
		"filelocks.img: pid 10: fd: 4: a lease of no regular file": func(p *Plan) { p.Locks[1].Flag, p.Locks[1].Fd = lockLease, 4 },
	} {
		plan := aPlan()
		change(&plan)
		area := newArea(t)
		pl, err := NewPlacer(area, plan)
		require.NoError(t, err)
		require.ErrorContains(t, pl.Early(area.NewProgram(x86.X86_64), 10), want)
	}
}
