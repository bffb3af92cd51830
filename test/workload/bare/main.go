// Command bare is a set of programs to checkpoint that are as small as a program can be: static, one thread, a handful of
// areas, no library. They are written in Go but run without its runtime: linked with -E main.start, the process begins in
// assembly, and nothing here may allocate, append, panic on purpose, use a map, a channel, an interface or a variable that
// needs code to initialise it. What they import are constants.
//
//	bare NAME [NUMBER [NUMBER]]
//
// Each program sets up one property, writes "ready" to its standard output and waits. On SIGTERM it looks whether all is as
// it left it, writes PASS or FAIL and a reason, and ends with status 0 or 1.
package main

import (
	"syscall"
	"unsafe"
)

// What assembly refers to.
var (
	g0        [512]byte // stands for the runtime's g: no stack limit, nothing else
	mainTLS   [128]byte
	signalled uint32 // the last signal that was caught
)

// main is never reached: it is here for the linker and to say what went wrong if the flag was forgotten.
func main() {
	start()
	panic("bare: link with -ldflags='-E main.start'")
}

// run is called by start and does not return.
func run(argc int, argv *[8]*byte) {
	if argc < 2 {
		fail("usage: bare NAME [NUMBER [NUMBER]]")
	}
	if is(argv[1], "launch") {
		launch(argc, argv)
	}
	var n [2]int
	for i := range n {
		if argc > 2+i {
			n[i] = number(argv[2+i])
		}
	}
	catch(syscall.SIGTERM)
	switch name := argv[1]; {
	case is(name, "spin"):
		spin(n[0])
	case is(name, "registers"):
		registers(n[0])
	case is(name, "sleep"):
		sleep()
	case is(name, "doze"):
		readVDSO()
		lookUpAll()
		sleep()
	case is(name, "threads"):
		threads(n[0])
	case is(name, "tree"):
		tree(n[0], n[1])
	case is(name, "memory"):
		memory(n[0])
	case is(name, "deep"):
		deep()
	case is(name, "lock"):
		lock()
	case is(name, "areas"):
		areas()
	case is(name, "family"):
		family(n[0])
	case is(name, "siblings"):
		siblings()
	case is(name, "share"):
		share()
	case is(name, "ldt"):
		writeLDT()
		ready()
		wait()
	case is(name, "dispatch"):
		dispatch(n[0])
	case is(name, "traits"):
		traits(n[0], n[1])
	case is(name, "chain"):
		chain(argc, argv)
	case is(name, "vfork"):
		vfork()
	case is(name, "files"):
		files(n[0], n[1])
	case is(name, "vdso"):
		vdso(n[0], n[1])
	case is(name, "clock"):
		clock(n[0], n[1])
	case is(name, "quiet"):
		quiet()
	case is(name, "pace"):
		pace()
	case is(name, "random"):
		random(n[0])
	case is(name, "handler"):
		handlers(n[0])
	case is(name, "fault"):
		fault(n[0])
	default:
		fail("no program of that name")
	}
	pass()
}

func is(arg *byte, name string) bool {
	for i := range len(name) {
		if *at(arg, i) != name[i] {
			return false
		}
	}
	return *at(arg, len(name)) == 0
}

func number(arg *byte) int {
	n := 0
	for i := 0; *at(arg, i) != 0; i++ {
		n = 10*n + int(*at(arg, i)-'0')
	}
	return n
}

func at(p *byte, i int) *byte { return (*byte)(unsafe.Add(unsafe.Pointer(p), i)) }

func ready() { say("ready\n") }

func pass() {
	say("PASS\n")
	exit(0)
}

func fail(why string) {
	say("FAIL: ")
	say(why)
	say("\n")
	exit(1)
}

func say(s string) {
	sys(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(len(s)), 0, 0, 0)
}

func exit(status uintptr) { sys(syscall.SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0) }

// errno is the error in the result of a system call, 0 for none.
func errno(r uintptr) syscall.Errno {
	if int(r) < 0 && int(r) >= -4095 {
		return syscall.Errno(-int(r))
	}
	return 0
}

// must ends the program if r is an error.
func must(r uintptr, what string) uintptr {
	if errno(r) != 0 {
		fail(what)
	}
	return r
}
