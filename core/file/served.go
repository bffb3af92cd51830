package file

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is what a descriptor or an area leads to, for people, and whether this package carries such.
type Kind struct {
	Served Service
	Name   string // of one that is not always served
	Remedy string
}

// Service says whether files of a kind are carried.
type Service uint8

const (
	Never    Service = iota
	ShellJob         // with Options.ShellJob
	Always
)

// remedies say what to do about kinds that are not served, by how their links begin.
var remedies = []struct{ prefix, remedy string }{
	{"socket:[", "close the connection before the dump: sockets are not served yet"},
	{"anon_inode:[io_uring]", "run the program without io_uring (sysctl kernel.io_uring_disabled=2; UV_USE_IO_URING=0 for libuv)"},
	{"anon_inode:[perf_event]", "end the measurement (perf) before the dump"},
	{"anon_inode:kvm", "migrate the virtual machine with its own monitor"},
}

const ends = "have the program close it before the dump"

// nameless are files that have a path in name only: the kernel makes them in file systems of its own.
var nameless = []struct {
	prefix string
	Kind
}{
	{"/memfd:", Kind{Served: Always}},
	{"/dev/zero (deleted)", Kind{Served: Always}}, // shared anonymous memory
	{"/anon_hugepage", Kind{Name: "memory in huge pages", Remedy: "run the program without huge pages of its own (MAP_HUGETLB); transparent ones are served"}},
	{"/[aio]", Kind{Name: "an AIO ring", Remedy: "run the program without kernel AIO (io_setup)"}},
	{"/SYSV", Kind{Name: "System V shared memory", Remedy: "have the program use POSIX shared memory (shm_open), or detach it before the dump"}},
	{"/secretmem", Kind{Name: "secret memory", Remedy: ends}},
	{"/dmabuf:", Kind{Name: "a DMA buffer", Remedy: ends}},
}

// KindOf tells the kind by the target of a link of /proc/PID/fd or the name of an area. path says that it is the path of something
// that has to be looked at: KindOfPath.
func KindOf(link string) (k Kind, path bool) {
	for i := range nameless {
		if strings.HasPrefix(link, nameless[i].prefix) {
			return nameless[i].Kind, false
		}
	}
	if strings.HasPrefix(link, "/") {
		return Kind{Name: "a deleted file", Remedy: "restart the program that uses it, or put the file back before the program opens it"}, true
	}
	for i := range byLink {
		if strings.HasPrefix(link, byLink[i].prefix) {
			return byLink[i].kind.forPeople(link), false
		}
	}
	return Kind{Name: "an unknown kind of file", Remedy: ends}, false
}

func (k *kind) forPeople(link string) Kind {
	if k.refused == "" {
		return Kind{Served: Always}
	}
	for _, r := range remedies {
		if strings.HasPrefix(link, r.prefix) {
			return Kind{Name: k.refused, Remedy: r.remedy}
		}
	}
	return Kind{Name: k.refused, Remedy: ends}
}

// Majors of terminals (Documentation/admin-guide/devices.txt).
const (
	ttyMajor  = 4
	auxMajor  = 5 // tty, console, ptmx
	ptmxMinor = 2
	firstPts  = 136
	lastPts   = 143
)

// KindOfPath tells the kind of what a path leads to, by the st_mode and st_rdev of stat(2).
func KindOfPath(mode uint32, rdev uint64) Kind {
	major, minor := unix.Major(rdev), unix.Minor(rdev)
	if mode&unix.S_IFMT == unix.S_IFCHR {
		switch {
		case major == auxMajor && minor == ptmxMinor:
			return Kind{Name: "the other side of a terminal", Remedy: "dump the program that runs in the terminal, not the one that makes it"}
		case major == ttyMajor, major == auxMajor, major >= firstPts && major <= lastPts:
			return Kind{Served: ShellJob, Name: "a terminal", Remedy: "use --shell-job for a program that runs in a terminal"}
		}
	}
	return kindOfMode(mode, major, minor).forPeople("/")
}
