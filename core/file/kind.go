package file

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// A kind is a kind of open file.
type kind struct {
	typ image.FdTypes
	// dump makes the entry of d, but for its owner, which is d.fown.
	dump func(tb *Table, d *description) (*image.FileEntry, error)

	refused string // the name of a kind that is known and not served
}

// byLink tells kinds by what a link of /proc/PID/fd reads. The kernel names files without a path in brackets, some after
// "anon_inode:" (fs/anon_inodes.c), or puts "anon_inode:" before a bare word.
var byLink = []struct {
	prefix string
	kind   *kind
}{
	{"pipe:[", &pipeKind},
	{"socket:[", unserved("a socket")},
	{"anon_inode:[eventfd]", &eventfdKind},
	{"anon_inode:[eventpoll]", &epollKind},
	{"anon_inode:[signalfd]", &signalfdKind},
	{"anon_inode:[timerfd]", &timerfdKind},
	{"anon_inode:inotify", unserved("an inotify instance")},
	{"anon_inode:[fanotify]", unserved("a fanotify group")},
	{"anon_inode:[pidfd]", unserved("a pidfd")},
	{"pidfd:[", unserved("a pidfd")},
	{"anon_inode:[io_uring]", unserved("an io_uring instance")},
	{"anon_inode:[userfaultfd]", unserved("a userfaultfd")},
	{"anon_inode:[perf_event]", unserved("a performance counter")},
	{"anon_inode:bpf-map", unserved("a BPF map")},
	{"anon_inode:bpf-prog", unserved("a BPF program")},
	{"anon_inode:bpf", unserved("a BPF object")},
	{"anon_inode:seccomp notify", unserved("a seccomp listener")},
	{"anon_inode:", unserved("an anonymous kind of file")},
	{"cgroup:[", unserved("a namespace")},
	{"ipc:[", unserved("a namespace")},
	{"mnt:[", unserved("a namespace")},
	{"net:[", unserved("a namespace")},
	{"pid:[", unserved("a namespace")},
	{"pid_for_children:[", unserved("a namespace")},
	{"time:[", unserved("a namespace")},
	{"time_for_children:[", unserved("a namespace")},
	{"user:[", unserved("a namespace")},
	{"uts:[", unserved("a namespace")},
}

// unserved is a kind that is known and refused.
func unserved(what string) *kind {
	return &kind{refused: what, dump: func(*Table, *description) (*image.FileEntry, error) {
		return nil, fmt.Errorf("%s: not served yet: close it before the dump", what)
	}}
}

// describe dumps what d leads to.
func (tb *Table) describe(d *description) error {
	k, err := tb.kindOf(d.Descriptor)
	if err != nil {
		return err
	}
	d.kind, d.id = k, tb.nextID()
	tb.Entries = append(tb.Entries, nil) // a kind may add further entries
	e, err := k.dump(tb, d)
	if err != nil {
		return err
	}
	tb.Entries[d.id-1] = e
	return nil
}

func (tb *Table) kindOf(d *Descriptor) (*kind, error) {
	if tb.Memory != nil && tb.Memory.Is(d.Link) {
		return &memoryKind, nil
	}
	if strings.HasPrefix(d.Link, "/") {
		return tb.kindOfPath(d)
	}
	for _, row := range byLink {
		if strings.HasPrefix(d.Link, row.prefix) {
			return row.kind, nil
		}
	}
	return nil, errors.New("an unknown kind of file")
}

// memMajor is the major number of /dev/null, zero, full, random and their like (Documentation/admin-guide/devices.txt).
const memMajor = 1

// kindOfPath tells kinds of files that have a name.
func (tb *Table) kindOfPath(d *Descriptor) (*kind, error) {
	st, err := tb.named(d)
	if err != nil {
		return nil, err
	}
	if d.Info.Flags&unix.O_PATH != 0 {
		return &regularKind, nil
	}
	return kindOfMode(st.mode, st.rdevMajor, st.rdevMinor), nil
}

// kindOfMode tells the kind of what a path leads to.
func kindOfMode(mode, major, minor uint32) *kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
		return &regularKind
	case unix.S_IFCHR:
		if major == memMajor {
			return &regularKind
		}
		if ttyType(major, minor) != image.TtyType_UNKNOWN {
			return &ttyKind
		}
		return unserved(fmt.Sprintf("character device %d:%d", major, minor))
	case unix.S_IFBLK:
		return unserved(fmt.Sprintf("block device %d:%d", major, minor))
	case unix.S_IFIFO:
		return &fifoKind
	}
	return unserved(fmt.Sprintf("a file of mode %#o, an unknown kind", mode))
}
