package mem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// inTask is the size from which on a task writes its pages itself, bytes: one copy less, for a few calls more, each of which wakes all of
// its threads: that much more for each.
const (
	inTask    = 2 << 20
	perThread = 64 << 10
)

// taskWriter has a task write its memory to the pages file, from inside.
type taskWriter struct {
	t         *task.Task
	prog      *stub.Program
	result    *stub.Op
	iov       stub.Data
	count, at stub.Data
	pair      stub.Data // of sockets
	message   stub.Data // that brought the descriptor
	fd        stub.Data // of the file
}

const messageSize = 24

// newTaskWriter hands f, which will be size bytes long, to t; nil where t should not or cannot write to it.
func newTaskWriter(t *task.Task, f *image.File, size uint64) (*taskWriter, error) {
	if size < inTask+uint64(len(t.Threads))*perThread || !mayWrite(t, f, size) {
		return nil, nil
	}
	w := newWriter(t)
	if err := w.handOver(int(f.Fd())); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.prog = t.Program()
	w.result = w.prog.Call(arch.SysPwritev, stub.Value{Data: w.fd}, w.iov, stub.Value{Data: w.count},
		stub.Value{Data: w.at}, stub.Value{Data: w.at.Part(4, 4)}).Ignore() // see stub.Halves
	return w, nil
}

// none is the value of a word for a descriptor while the task has not got it.
const none = ^uint32(0)

func newWriter(t *task.Task) *taskWriter {
	area := t.Cage.Area
	w := &taskWriter{t: t, iov: area.Out(16 * maxIovecs), count: area.Out(8), at: area.Out(16), pair: area.Out(16), message: area.Out(messageSize)}
	w.fd = w.message.Part(t.ABI.WordSize()+8, 8) // after struct cmsghdr
	for _, fd := range w.descriptors() {
		fd.Atomic().Store(none)
	}
	return w
}

// descriptors are the words that hold those that the task has got from us.
func (w *taskWriter) descriptors() []stub.Data {
	return []stub.Data{w.pair.Part(0, 4), w.pair.Part(4, 4), w.fd.Part(0, 4)}
}

// closing appends what closes the descriptors fds.
func closing(p *stub.Program, fds ...stub.Data) {
	for _, fd := range fds {
		p.Call(arch.SysClose, stub.Value{Data: fd}).Ignore() // EBADF for none
	}
}

// mayWrite says whether the task's limits allow it. What a task writes is charged to its memory cgroup, where it must not push
// the task out: on tmpfs the engine takes the pages beforehand; elsewhere it writes itself, unless both are in one cgroup.
func mayWrite(t *task.Task, f *image.File, size uint64) bool {
	if t.Limits[unix.RLIMIT_FSIZE].Soft < size {
		return false // it would get SIGXFSZ
	}
	ours, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return false
	}
	theirs, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", t.Pid))
	if err == nil && string(ours) == string(theirs) {
		return true
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		return false
	}
	return unix.Fallocate(int(f.Fd()), 0, 0, int64(size)) == nil
}

// handOver gives the task a descriptor, by way of a pair of sockets that it makes. Should we die, it closes what it has of them.
func (w *taskWriter) handOver(fd int) error {
	area := w.t.Cage.Area
	will := w.t.Program()
	closing(will, w.descriptors()...)
	w.t.SetWill(will)
	p := w.t.Program()
	p.Call(arch.SysSocketpair, unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0, w.pair)
	if err := w.t.Run(p); err != nil {
		return err
	}
	sockets := w.descriptors()[:2]
	if err := send(w.t.Pid, int(sockets[0].Atomic().Load()), fd); err != nil {
		return err
	}
	abi := w.t.ABI
	iov := abi.Struct().Word(area.Out(8).Addr(), 1)
	header := abi.Struct().Word(0).U32(0).Word(area.Bytes(iov.Bytes()).Addr(), 1, w.message.Addr(), messageSize).U32(0) // struct msghdr
	p = w.t.Program()
	p.Call(arch.SysRecvmsg, stub.Value{Data: sockets[1]}, area.Bytes(header.Pad(64).Bytes()), unix.MSG_CMSG_CLOEXEC).Expect(1)
	for _, s := range sockets {
		p.Call(arch.SysClose, stub.Value{Data: s})
		p.Add(s, none-s.Atomic().Load()) // by the task, so that it never closes a number twice
	}
	return w.t.Run(p)
}

// send sends fd through the socket that pid has as its descriptor sock.
func send(pid, sock, fd int) error {
	sock, err := linux.TaskFd(pid, sock)
	if err != nil {
		return fmt.Errorf("descriptor of the task: %w", err)
	}
	defer unix.Close(sock)
	if err := unix.Sendmsg(sock, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		return fmt.Errorf("send a descriptor: %w", err)
	}
	return nil
}

// write has the task write runs, in order, to the file from off on, and returns how much it could.
func (w *taskWriter) write(runs []Run, off uint64) (uint64, error) {
	var done uint64
	for len(runs) > 0 {
		iov := w.t.ABI.Struct()
		n, want := 0, uint64(0)
		for ; n < len(runs) && n < maxIovecs && want < maxRead; n++ {
			size := min(runs[n].End-runs[n].Start, maxRead-want)
			iov.Word(runs[n].Start, size)
			want += size
		}
		copy(w.iov.Mem(), iov.Bytes())
		binary.LittleEndian.PutUint64(w.count.Mem(), uint64(n))
		binary.LittleEndian.PutUint64(w.at.Mem(), off+done)
		if err := w.t.Run(w.prog); err != nil {
			return done, err
		}
		got := w.result.Result()
		if got <= 0 {
			return done, nil
		}
		done += uint64(got)
		runs = skip(runs, uint64(got))
	}
	return done, nil
}

// skip returns what is left of runs after n bytes.
func skip(runs []Run, n uint64) []Run {
	for len(runs) > 0 && n >= runs[0].End-runs[0].Start {
		n -= runs[0].End - runs[0].Start
		runs = runs[1:]
	}
	if n > 0 {
		runs = append([]Run{{runs[0].Start + n, runs[0].End}}, runs[1:]...)
	}
	return runs
}

// close takes back what the task has got.
func (w *taskWriter) close() error {
	p := w.t.Program()
	for _, fd := range w.descriptors() {
		if n := fd.Atomic().Load(); n != none {
			closing(p, fd)
			p.Add(fd, none-n)
		}
	}
	err := w.t.Run(p)
	w.t.SetWill(w.t.Program())
	return err
}
