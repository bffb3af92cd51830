package main

import (
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipes have data in flight, sizes, flags, an end that is closed, ends in another process; and there is a fifo.
func pipes() func() {
	signal.Ignore(syscall.SIGPIPE)
	const large = 1 << 18
	content := strings.Repeat("frog", 50_000)
	r, w := pipe(unix.O_CLOEXEC)
	same(value(unix.FcntlInt(uintptr(w), unix.F_SETPIPE_SZ, large)), large, "F_SETPIPE_SZ")
	write(w, content)
	anew := open("/proc/self/fd/"+itoa(w), unix.O_WRONLY|unix.O_NONBLOCK)

	tail, gone := pipe(0)
	write(gone, "tail")
	must(unix.Close(gone), "close")
	gone, nobody := pipe(0)
	must(unix.Close(gone), "close")

	_, packets := pipe(unix.O_DIRECT | unix.O_NONBLOCK)

	there, ask := pipe(unix.O_CLOEXEC)
	answer, back := pipe(unix.O_CLOEXEC)
	child("echo", there, back)
	must(unix.Close(there), "close")
	must(unix.Close(back), "close")
	write(ask, "a")
	same(read(answer, 1), "a", "echo before")

	must(unix.Mkfifo("fifo", 0o600), "mkfifo")
	both := open("fifo", unix.O_RDWR)
	reader := open("fifo", unix.O_RDONLY|unix.O_NONBLOCK)
	writer := open("fifo", unix.O_WRONLY)
	write(both, "in the fifo")

	return func() {
		same(value(unix.FcntlInt(uintptr(r), unix.F_GETPIPE_SZ, 0)), large, "F_GETPIPE_SZ")
		same(flags(r), unix.O_RDONLY, "flags of the reader")
		same(flags(w), unix.O_WRONLY, "flags of the writer")
		same(flags(anew), unix.O_WRONLY|unix.O_NONBLOCK|largefile(), "flags of the writer that was opened anew")
		write(anew, "!")
		same(read(r, large), content+"!", "in the pipe")
		same(value(unix.FcntlInt(uintptr(r), unix.F_GETFD, 0)), unix.FD_CLOEXEC, "close-on-exec")

		same(read(tail, 10), "tail", "of who is gone")
		same(read(tail, 10), "", "end of file")
		_, err := unix.Write(nobody, []byte("x"))
		same(err, error(unix.EPIPE), "write to nobody")
		same(flags(packets), unix.O_WRONLY|unix.O_DIRECT|unix.O_NONBLOCK, "flags of the packet pipe")

		write(ask, "b")
		same(read(answer, 1), "b", "echo after")

		same(read(reader, 100), "in the fifo", "fifo")
		write(writer, "more")
		same(read(both, 100), "more", "fifo")
		same(flags(writer), unix.O_WRONLY|largefile(), "flags of the fifo's writer")
	}
}

// flags are those of a description.
func flags(fd int) int { return value(unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)) }
