package image

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

func (s *Set) summarizeFd(fd *FdinfoEntry) FileSummary {
	f := s.Files[fd.Id]
	sum := FileSummary{
		Fd: fd.Fd, Type: strings.ToLower(f.Type.String()), ID: f.Id, Cloexec: fd.Flags&unix.FD_CLOEXEC != 0, What: s.fileWhat(f),
	}
	flags, known := uint32(0), true
	switch f.Type {
	case FdTypes_REG:
		flags, sum.Pos = f.Reg.Flags, &f.Reg.Pos
	case FdTypes_MEMFD:
		flags, sum.Pos = f.Memfd.Flags, &f.Memfd.Pos
	case FdTypes_PIPE:
		flags = f.Pipe.Flags
	case FdTypes_FIFO:
		// Its flags are those of the file that it is.
		if f.Fifo.RegfId != nil {
			flags = s.Files[*f.Fifo.RegfId].Reg.Flags
		} else {
			known = false
		}
	case FdTypes_UNIXSK:
		flags = f.Usk.Flags
	case FdTypes_INETSK:
		flags = f.Isk.Flags
	case FdTypes_EVENTFD:
		flags = f.Efd.Flags
	case FdTypes_EVENTPOLL:
		flags = f.Epfd.Flags
	case FdTypes_TIMERFD:
		flags = f.Tfd.Flags
	case FdTypes_SIGNALFD:
		flags = f.Sgfd.Flags
	case FdTypes_INOTIFY:
		flags = f.Ify.Flags
	case FdTypes_TTY:
		flags = f.Tty.Flags
	default:
		known = false
	}
	if known {
		sum.Flags = openFlags(flags)
	}
	return sum
}

// statusFlags are numbered as on x86, whatever this processor is (include/uapi/asm-generic/fcntl.h).
var statusFlags = []flagName{
	{0x400, "append"}, {0x800, "nonblock"}, {0x4000, "direct"}, {0x40000, "noatime"}, {0x100000, "sync"}, {0x1000, "dsync"},
	{0x2000, "async"}, {0x200000, "path"}, {0x10000, "directory"},
}

func openFlags(flags uint32) []string {
	mode := [4]string{"rdonly", "wronly", "rdwr", "nothing"}[flags&unix.O_ACCMODE]
	return append([]string{mode}, flagNames(statusFlags, uint64(flags))...)
}

// fileWhat says in a few words what a file is.
func (s *Set) fileWhat(f *FileEntry) string {
	switch f.Type {
	case FdTypes_REG:
		return s.fileName(f.Id)
	case FdTypes_PIPE:
		return withData(fmt.Sprintf("pipe:[%d]", f.Pipe.PipeId), s.Pipes[f.Pipe.PipeId])
	case FdTypes_FIFO:
		name := fmt.Sprintf("fifo:[%d]", f.Fifo.PipeId)
		if f.Fifo.RegfId != nil {
			name = s.fileName(*f.Fifo.RegfId)
		}
		return withData(name, s.Fifos[f.Fifo.PipeId])
	case FdTypes_UNIXSK:
		return unixText(f.Usk)
	case FdTypes_INETSK:
		return inetText(f.Isk)
	case FdTypes_EVENTFD:
		return fmt.Sprintf("counter %d", f.Efd.Counter)
	case FdTypes_EVENTPOLL:
		return fmt.Sprintf("targets: %d", len(f.Epfd.Tfd))
	case FdTypes_SIGNALFD:
		return fmt.Sprintf("signals %#x", f.Sgfd.Sigmask)
	case FdTypes_TIMERFD:
		return fmt.Sprintf("clock %d, %d.%09d s left", f.Tfd.Clockid, f.Tfd.Vsec, f.Tfd.Vnsec)
	case FdTypes_INOTIFY:
		return fmt.Sprintf("watches: %d", len(f.Ify.Wd))
	case FdTypes_FANOTIFY:
		return fmt.Sprintf("marks: %d", len(f.Ffy.Mark))
	case FdTypes_MEMFD:
		return "/memfd:" + s.Memfds[uint64(f.Memfd.InodeId)].Name
	case FdTypes_TTY:
		return ttyText(s.TtyInfos[f.Tty.TtyInfoId])
	case FdTypes_PIDFD:
		return fmt.Sprintf("pid %d", f.Pidfd.Nspid)
	}
	return ""
}

func withData(name string, d *PipeData) string {
	if d == nil || d.Entry.Bytes == 0 {
		return name
	}
	return fmt.Sprintf("%s, %d bytes in it", name, d.Entry.Bytes)
}

func ttyText(t *TtyInfoEntry) string {
	if t.Pty != nil {
		return fmt.Sprintf("/dev/pts/%d", t.Pty.Index)
	}
	return fmt.Sprintf("%s %d:%d", strings.ToLower(t.Type.String()), unix.Major(uint64(t.Rdev)), unix.Minor(uint64(t.Rdev)))
}

var socketTypes = map[uint32]string{unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "dgram", unix.SOCK_SEQPACKET: "seqpacket", unix.SOCK_RAW: "raw"}

func unixText(u *UnixSkEntry) string {
	s := fmt.Sprintf("%s:[%d]", socketTypes[u.Type], u.Ino)
	if name := string(u.Name); name != "" {
		if name[0] == 0 { // an abstract one
			name = "@" + name[1:]
		}
		s += " " + strings.TrimRight(name, "\x00")
	}
	if u.Peer != 0 {
		s += fmt.Sprintf(" to [%d]", u.Peer)
	}
	return s
}

func inetText(e *InetSkEntry) string {
	proto := map[uint32]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_UDPLITE: "udplite", unix.IPPROTO_ICMP: "icmp"}[e.Proto]
	if proto == "" {
		proto = socketTypes[e.Type]
	}
	s := proto + " " + endpoint(e.SrcAddr, e.SrcPort)
	if e.DstPort != 0 {
		s += " to " + endpoint(e.DstAddr, e.DstPort)
	}
	return s
}

// endpoint prints an address whose words are in network byte order, as the kernel has them in memory. It needs none of
// net/netip, whose start-up every other command would pay for.
func endpoint(words []uint32, port uint32) string {
	var b []byte
	for _, w := range words {
		b = order.AppendUint32(b, w)
	}
	switch len(b) {
	case 4:
		return fmt.Sprintf("%d.%d.%d.%d:%d", b[0], b[1], b[2], b[3], port)
	case 16:
		groups := make([]string, 8)
		for i := range groups {
			groups[i] = fmt.Sprintf("%x", uint(b[2*i])<<8|uint(b[2*i+1]))
		}
		return fmt.Sprintf("[%s]:%d", strings.Join(groups, ":"), port)
	}
	return fmt.Sprintf("?:%d", port)
}
