// Command descriptors is a set of ordinary Go programs to checkpoint, each with open files of some kind.
//
//	descriptors NAME
//
// Each opens its files, says "ready" and waits. On SIGTERM it looks whether all is as it was, and says PASS, or FAIL and why.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// programs set something up and return the look at it afterwards.
var programs = map[string]func() (verify func()){
	"pipes":   pipes,
	"offsets": offsets,
	"events":  events,
	"locks":   locks,
	"owners":  owners,
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: descriptors NAME")
	}
	switch name := os.Args[1]; name {
	case "echo":
		echo(3)
	case "reader":
		echo(5)
	case "probe":
		probe()
	default:
		program := programs[name]
		if program == nil {
			fail("no program %s", name)
		}
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		verify := program()
		fmt.Println("ready")
		<-term
		verify()
		fmt.Println("PASS")
	}
}

func fail(format string, args ...any) {
	fmt.Printf("FAIL: "+format+"\n", args...)
	os.Exit(1)
}

// must ends the program if there is an error.
func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// value is must for calls that return something.
func value[T any](v T, err error) T {
	must(err, fmt.Sprintf("%T", v))
	return v
}

// same ends the program unless got is want.
func same[T comparable](got, want T, what string) {
	if got != want {
		fail("%s: %v, not %v", what, got, want)
	}
}

// child starts this program as another one, with descriptors from 3 on. It is not for package os, which keeps a pidfd of each child.
func child(name string, fds ...int) (pid int) {
	files := []uintptr{0, 1, 2}
	for _, fd := range fds {
		files = append(files, uintptr(fd))
	}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{os.Args[0], name}, &syscall.ProcAttr{
		Files: files, Env: os.Environ(), Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	must(err, name)
	return pid
}

// echo reads a byte at a time from a pipe at 3. For each it reads one from fd, if that is another, and writes what it has to a pipe at 4.
func echo(fd int) {
	for {
		b := read(3, 1)
		if b == "" {
			return
		}
		if fd != 3 {
			b = read(fd, 1)
		}
		write(4, b)
	}
}

// read reads once.
func read(fd, n int) string {
	b := make([]byte, n)
	for {
		got, err := unix.Read(fd, b)
		if err == unix.EINTR {
			continue
		}
		must(err, "read")
		return string(b[:got])
	}
}

func write(fd int, s string) { same(value(unix.Write(fd, []byte(s))), len(s), "write") }

func pipe(flags int) (r, w int) {
	var p [2]int
	must(unix.Pipe2(p[:], flags), "pipe")
	return p[0], p[1]
}

func open(name string, flags int) int { return value(unix.Open(name, flags, 0o600)) }

// lines are those of fdinfo that begin with a prefix.
func lines(fd int, prefix string) string {
	text := value(os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)))
	var all []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return strings.Join(all, "; ")
}
