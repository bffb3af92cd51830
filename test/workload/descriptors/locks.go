package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// locks are of all kinds; whether they are there another process tells.
func locks() func() {
	whole := open("flock", unix.O_RDWR|unix.O_CREAT)
	must(unix.Flock(whole, unix.LOCK_EX), "flock")
	part := open("posix", unix.O_RDWR|unix.O_CREAT)
	set := func(fd, command int, typ int16, start, size int64) {
		must(unix.FcntlFlock(uintptr(fd), command, &unix.Flock_t{Type: typ, Start: start, Len: size}), "lock")
	}
	set(part, unix.F_SETLK, unix.F_WRLCK, 10, 5)
	set(part, unix.F_SETLK, unix.F_RDLCK, 100, 0)
	unix.Close(open("flock", unix.O_RDONLY)) // closing any other description leaves a flock
	ofd := open("ofd", unix.O_RDWR|unix.O_CREAT)
	set(ofd, unix.F_OFD_SETLK, unix.F_WRLCK, 0, 7)
	lease := open("lease", unix.O_RDONLY|unix.O_CREAT)
	_, err := unix.FcntlInt(uintptr(lease), unix.F_SETLEASE, unix.F_RDLCK)
	must(err, "lease")
	// those of a description go with it into another process
	hold, release := pipe(unix.O_CLOEXEC)
	answer, back := pipe(unix.O_CLOEXEC)
	_, _ = release, answer
	child("echo", hold, back, ofd)

	return func() {
		same(value(unix.FcntlInt(uintptr(lease), unix.F_GETLEASE, 0)), unix.F_RDLCK, "lease")
		r, w := pipe(0)
		pid := child("probe", w)
		must(unix.Close(w), "close")
		text, err := io.ReadAll(os.NewFile(uintptr(r), "probe"))
		must(err, "probe")
		var status unix.WaitStatus
		value(unix.Wait4(pid, &status, 0, nil))
		same(status, 0, "probe's status")
		same(string(text), probed, "locks that another process meets")
	}
}

const probed = "flock held; 0 2; 10 1; 12 1; 15 2; 100 0; ofd 0 1; ofd 7 2; "

// probe tries the locks of another process and writes what it met to 3: bytes of the file posix, and what kind of lock is there.
func probe() {
	out := os.NewFile(3, "out")
	say := func(s string) { value(out.WriteString(s + "; ")) }
	if unix.Flock(open("flock", unix.O_RDWR), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK {
		say("flock held")
	}
	look := func(fd int, at int64) string {
		l := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
		must(unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l), "look")
		return itoa(int(at)) + " " + itoa(int(l.Type))
	}
	fd := open("posix", unix.O_RDWR)
	for _, at := range []int64{0, 10, 12, 15, 100} {
		say(look(fd, at))
	}
	fd = open("ofd", unix.O_RDWR)
	for _, at := range []int64{0, 7} {
		say("ofd " + look(fd, at))
	}
}
