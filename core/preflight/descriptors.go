package preflight

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/file"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// place is what a path leads to, looked at once for the whole tree.
type place struct {
	err  error
	mode uint32
	dev  uint64
	ino  uint64
	rdev uint64
}

func (s *scan) place(path string) *place {
	s.mu.Lock()
	p := s.places[path]
	s.mu.Unlock()
	if p != nil {
		return p
	}
	p = &place{}
	var st unix.Stat_t
	if p.err = unix.Lstat(path, &st); p.err == nil {
		p.mode, p.dev, p.ino, p.rdev = st.Mode, uint64(st.Dev), st.Ino, uint64(st.Rdev)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places == nil {
		s.places = map[string]*place{}
	}
	s.places[path] = p
	return p
}

// descriptors looks at the open files of t, and at what else it has a path of.
func (s *scan) descriptors(t *subject) {
	for _, name := range []string{"exe", "cwd", "root"} {
		link, err := t.proc.Link(name)
		switch {
		case err != nil:
			t.unreadable(err)
		case strings.HasSuffix(link, procfs.DeletedSuffix) && s.place(link).err != nil:
			k, _ := file.KindOf(link)
			path := strings.TrimSuffix(link, procfs.DeletedSuffix)
			t.addFile(path, 1, name, path+" is deleted", k.Remedy)
		case s.ofTree(link):
			t.add(name, link+" is of a task of the tree: not served yet", "have the program change to another directory")
		}
	}
	fds, err := t.proc.Fds()
	if err != nil {
		t.unreadable(err)
		return
	}
	links, errs := make([]string, len(fds)), make([]error, len(fds))
	spread(len(fds), fewFiles, func(i int) {
		links[i], errs[i] = t.proc.FdLink(fds[i])
		if _, path := file.KindOf(links[i]); path {
			s.place(links[i])
		}
	})
	t.fds, t.links = fds, links
	for i, fd := range fds {
		if errs[i] != nil {
			t.unreadable(errs[i])
			continue
		}
		s.descriptor(t, fd, links[i])
	}
}

// ofTree says whether a path leads to what /proc has of the tree itself.
func (s *scan) ofTree(path string) bool {
	tid, ok := file.TaskOf(path)
	return ok && (s.byPid[tid] != nil || slices.ContainsFunc(s.tasks, func(t *subject) bool { return slices.Contains(t.threads, tid) }))
}

// Starting a thread costs more than looking at these one after another.
const (
	fewFiles   = 128
	fewTasks   = 16
	fewThreads = 64
)

func (s *scan) descriptor(t *subject, fd int, link string) {
	if kind, ino, ok := procfs.ObjectLink(link); ok && kind == "pipe" {
		t.ends = append(t.ends, pipeEnd{ino, fd})
	}
	if s.ofTree(link) {
		t.own = append(t.own, ownFile{link, fd})
	}
	k, path := file.KindOf(link)
	cause, deleted := "not served yet", false
	if path {
		p := s.place(link)
		switch {
		case p.err == nil:
			k = file.KindOfPath(p.mode, p.rdev)
			s.locked(t, fd, link, p)
		case !errors.Is(p.err, fs.ErrNotExist):
			cause = p.err.Error()
		case strings.HasSuffix(link, procfs.DeletedSuffix):
			link, deleted = strings.TrimSuffix(link, procfs.DeletedSuffix), true
		default:
			k, cause = unreachable(t, fd)
		}
	}
	switch {
	case k.Served == file.Always:
		return
	case k.Served == file.ShellJob && s.ShellJob:
		return
	case k.Served == file.ShellJob:
		cause = "it is not the tree's own"
	case path && s.place(link).err == nil && opath(t, fd):
		return
	}
	if detail := s.socket(t, fd, link); detail != "" {
		k.Name = detail
	}
	thing, cause := fmt.Sprintf("fd %d", fd), fmt.Sprintf("%s: %s: %s", link, k.Name, cause)
	if deleted {
		t.addFile(link, 1, thing, cause, k.Remedy)
		return
	}
	t.add(thing, cause, k.Remedy)
}

// opath says whether a descriptor was opened with O_PATH: then it does not matter what the path leads to.
func opath(t *subject, fd int) bool {
	info, err := t.proc.Fdinfo(fd)
	return err == nil && info.Flags&unix.O_PATH != 0
}

// unreachable explains a file whose path leads nowhere: of a file system that is mounted elsewhere, or nowhere.
func unreachable(t *subject, fd int) (file.Kind, string) {
	const mqueueMagic = 0x19800202 // include/uapi/linux/magic.h
	var st unix.Statfs_t
	if err := unix.Statfs(fmt.Sprintf("%s/%d/fd/%d", procfs.Root, t.pid, fd), &st); err == nil && int64(st.Type) == mqueueMagic {
		return file.Kind{Name: "a POSIX message queue", Remedy: "have the program close it before the dump"}, "not served yet"
	}
	return file.Kind{Name: "a file", Remedy: "mount its file system where woodfrog sees it, or dump from where it is mounted"}, "it has no path that woodfrog can open"
}

// socket says what kind of socket a descriptor is; "" if it is none.
func (s *scan) socket(t *subject, fd int, link string) string {
	if !strings.HasPrefix(link, "socket:[") {
		return ""
	}
	own, err := linux.TaskFd(t.pid, fd)
	if err != nil {
		return ""
	}
	defer unix.Close(own)
	domain, err1 := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_DOMAIN)
	typ, err2 := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_TYPE)
	if err1 != nil || err2 != nil {
		return ""
	}
	return "a socket (" + family(domain) + " " + cmp.Or(map[int]string{
		unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "datagram", unix.SOCK_SEQPACKET: "packet", unix.SOCK_RAW: "raw",
	}[typ], fmt.Sprintf("type %d", typ)) + ")"
}

func family(domain int) string {
	return cmp.Or(map[int]string{
		unix.AF_UNIX: "Unix", unix.AF_INET: "IPv4", unix.AF_INET6: "IPv6", unix.AF_NETLINK: "netlink", unix.AF_PACKET: "packet",
		unix.AF_VSOCK: "vsock", unix.AF_ALG: "crypto",
	}[domain], fmt.Sprintf("family %d", domain))
}

// ownFile is a file of /proc that is of the tree itself.
type ownFile struct {
	link string
	fd   int
}

// sharedOwn looks for open files of /proc that several tasks have in common: each is opened again by the task that holds it.
func (s *scan) sharedOwn() {
	type holder struct {
		task *subject
		fd   int
	}
	holders := map[string][]holder{}
	for _, t := range s.tasks {
		for _, o := range t.own {
			for _, h := range holders[o.link] {
				if h.task == t {
					continue
				}
				if same, err := linux.KcmpFile(t.pid, h.task.pid, o.fd, h.fd); err != nil || same != 0 {
					continue
				}
				if same, err := linux.Kcmp(t.pid, h.task.pid, linux.KcmpFiles, 0, 0); err == nil && same != 0 {
					t.add(fmt.Sprintf("fd %d", o.fd), fmt.Sprintf("%s: shared with process %d: not served yet", o.link, h.task.pid),
						"have the programs open it each by itself, or close it")
					break
				}
			}
			holders[o.link] = append(holders[o.link], holder{t, o.fd})
		}
	}
}

// pipeEnd is a descriptor of a pipe.
type pipeEnd struct {
	ino uint64
	fd  int
}

// pipe is a pipe of the tree, with the descriptor by which it was met first.
type pipe struct {
	task        *subject
	fd          int
	read, write bool // ends that the tree has
}

// pipeEnds looks for pipes that lead out of the tree. One whose other end is closed everywhere does not: poll(2) tells.
func (s *scan) pipeEnds() {
	pipes := map[uint64]*pipe{}
	for _, t := range s.tasks {
		for _, e := range t.ends {
			p := pipes[e.ino]
			if p == nil {
				p = &pipe{task: t, fd: e.fd}
				pipes[e.ino] = p
			}
			if p.read && p.write {
				continue
			}
			if read, write, err := t.proc.FdAccess(e.fd); err == nil {
				p.read, p.write = p.read || read, p.write || write
			}
		}
	}
	for _, ino := range slices.Sorted(maps.Keys(pipes)) {
		p := pipes[ino]
		if p.read && p.write || !p.read && !p.write {
			continue
		}
		own, err := linux.TaskFd(p.task.pid, p.fd)
		if err != nil {
			continue
		}
		poll := []unix.PollFd{{Fd: int32(own)}}
		_, err = unix.Poll(poll, 0)
		_ = unix.Close(own)
		if err != nil || poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
			continue
		}
		end := "reads"
		if p.read {
			end = "writes"
		}
		s.passing++
		without := "with its output in a file"
		if p.fd > 2 {
			without = fmt.Sprintf("without it, in a shell by %d>&-", p.fd)
		}
		p.task.add(fmt.Sprintf("fd %d", p.fd), fmt.Sprintf("pipe:[%d]: a process outside of the tree %s it", ino, end),
			"dump the tree that holds both ends, or start the program "+without)
	}
}

// locked looks for locks on a file of t. The descriptor's own lines tell whose they are, and cost little: who reads /proc/locks
// stops all locking, which takes a grace period of RCU, some 10 ms (fs/locks.c, locks_start).
func (s *scan) locked(t *subject, fd int, link string, p *place) {
	if s.FileLocks || p.mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	info, err := t.proc.Fdinfo(fd)
	if err != nil || len(info.Locks) == 0 {
		return
	}
	t.add(fmt.Sprintf("fd %d", fd), fmt.Sprintf("%s: a lock (%s) is held on it", link, info.Locks[0].Kind),
		"use --file-locks if no process outside of the tree shares the lock")
}
