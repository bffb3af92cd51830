package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// largefile is O_LARGEFILE, which is not the same number everywhere: the kernel of a 64-bit machine gives it to all that open(2) opens, and Go to
// all on others.
func largefile() int {
	fd := open("/dev/null", unix.O_RDONLY)
	defer unix.Close(fd)
	return flags(fd)
}

func itoa(n int) string { return strconv.Itoa(n) }

// offsets are those of descriptions that descriptors and processes share, and of others that they do not.
func offsets() func() {
	must(os.WriteFile("alphabet", []byte("abcdefghijklmnopqrstuvwxyz"), 0o600), "write")
	must(os.Mkdir("dir", 0o700), "mkdir")
	must(os.Symlink("nowhere", "link"), "symlink")
	file := open("alphabet", unix.O_RDWR|unix.O_CLOEXEC)
	same(read(file, 3), "abc", "before")
	dup := value(unix.Dup(file))
	other := open("alphabet", unix.O_RDONLY)
	twin := open("alphabet", unix.O_RDWR)
	same(read(twin, 3), "abc", "before")
	appends := open("log", unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND)
	write(appends, "one ")
	path := open("alphabet", unix.O_PATH)
	link := open("link", unix.O_PATH|unix.O_NOFOLLOW)
	dir := open("dir", unix.O_RDONLY|unix.O_DIRECTORY)
	null := open("/dev/null", unix.O_WRONLY)

	there, ask := pipe(unix.O_CLOEXEC)
	answer, back := pipe(unix.O_CLOEXEC)
	child("reader", there, back, file)
	write(ask, "?")
	same(read(answer, 1), "d", "by the child, before")

	return func() {
		same(read(dup, 1), "e", "after")
		write(ask, "?")
		same(read(answer, 1), "f", "by the child")
		same(read(file, 1), "g", "after the child")
		same(read(other, 1), "a", "of its own")
		same(read(twin, 1), "d", "of the twin")
		write(appends, "two")
		same(string(value(os.ReadFile("log"))), "one two", "log")
		same(flags(appends), unix.O_WRONLY|unix.O_APPEND|largefile(), "flags of the log")
		_, err := unix.Read(path, make([]byte, 1))
		same(err, error(unix.EBADF), "read from O_PATH")
		same(value(os.ReadFile("/proc/self/fd/" + itoa(path)))[0], 'a', "through O_PATH")
		var st unix.Stat_t
		must(unix.Fstat(link, &st), "stat")
		same(st.Mode&unix.S_IFMT, unix.S_IFLNK, "kind of the link")
		must(unix.Mkdirat(dir, "sub", 0o700), "mkdir below a directory")
		write(null, "nothing")
		same(value(unix.FcntlInt(uintptr(file), unix.F_GETFD, 0)), unix.FD_CLOEXEC, "close-on-exec")
		same(value(unix.FcntlInt(uintptr(dup), unix.F_GETFD, 0)), 0, "close-on-exec of the copy")
	}
}
