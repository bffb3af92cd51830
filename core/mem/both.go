package mem

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/parallel"
)

const (
	// pieceSize is what the task and the engine take in turns, bytes.
	pieceSize = 8 << 20
	// worthTwo is how much memory is worth two writers, bytes.
	worthTwo = 32 << 20
)

// chunk is a part of the memory that is written, and where it goes.
type chunk struct {
	runs []Run
	off  uint64
	size uint64
}

// pieces cuts runs up.
func pieces(runs []Run, off uint64) (list []chunk) {
	for len(runs) > 0 {
		p := chunk{off: off}
		for _, r := range runs {
			n := min(r.End-r.Start, pieceSize-p.size)
			if n == 0 || len(p.runs) == maxIovecs {
				break
			}
			p.runs = append(p.runs, Run{r.Start, r.Start + n})
			p.size += n
		}
		list = append(list, p)
		runs, off = skip(runs, p.size), off+p.size
	}
	return list
}

// between are the pieces that nobody has yet: one writer takes the first, the other the last.
type between struct {
	sync.Mutex
	list   []chunk
	lo, hi int
}

func (b *between) first() (p chunk, ok bool) {
	b.Lock()
	defer b.Unlock()
	if b.lo == b.hi {
		return p, false
	}
	b.lo++
	return b.list[b.lo-1], true
}

func (b *between) last() (p chunk, ok bool) {
	b.Lock()
	defer b.Unlock()
	if b.lo == b.hi {
		return p, false
	}
	b.hi--
	return b.list[b.hi], true
}

func (b *between) giveLastBack() {
	b.Lock()
	defer b.Unlock()
	b.hi++
}

func (b *between) stop() {
	b.Lock()
	defer b.Unlock()
	b.lo = b.hi
}

// writeBoth is write with the help of m, which begins at the other end.
func (w *taskWriter) writeBoth(m *mapper, runs []Run, off uint64) (done uint64, err error) {
	b := &between{list: pieces(runs, off)}
	b.hi = len(b.list)
	helper := parallel.Beside(func() error {
		for p, ok := b.last(); ok; p, ok = b.last() {
			if m.copy(p.runs, p.off) != nil {
				b.giveLastBack() // the task does it, or finds out why not
				return nil
			}
		}
		return nil
	})
	waited := false
	defer func() {
		b.stop()
		if !waited {
			_ = helper()
		}
	}()
	for {
		for p, ok := b.first(); ok; p, ok = b.first() {
			n, err := w.write(p.runs, p.off)
			done += n
			if err != nil || n < p.size {
				return done, err
			}
		}
		if waited {
			break
		}
		waited = true
		_ = helper()
	}
	for _, p := range b.list[b.hi:] {
		done += p.size
	}
	return done, nil
}

// mapper copies memory of a task into a mapping of a file: a file takes one write at a time, but pages of it can be filled meanwhile.
type mapper struct {
	t  *task.Task
	fd int
}

// newMapper makes f as long as it will be; nil where two writers are no gain.
func newMapper(t *task.Task, f *image.File, size uint64) *mapper {
	var fs unix.Statfs_t
	if size < worthTwo || runtime.GOMAXPROCS(0) < 2 || unix.Fstatfs(int(f.Fd()), &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		return nil
	}
	if unix.Ftruncate(int(f.Fd()), int64(size)) != nil {
		return nil
	}
	return &mapper{t, int(f.Fd())}
}

// mapSize is how much is mapped at a time, bytes: it counts as the engine's memory.
const mapSize = 2 << 20

func (m *mapper) copy(runs []Run, off uint64) error {
	for len(runs) > 0 {
		var remote []unix.RemoteIovec
		size := uint64(0)
		for _, r := range runs {
			n := min(r.End-r.Start, mapSize-size)
			if n == 0 || len(remote) == maxIovecs {
				break
			}
			remote = append(remote, unix.RemoteIovec{Base: uintptr(r.Start), Len: int(n)})
			size += n
		}
		if err := m.fill(int64(off), int(size), remote); err != nil {
			return err
		}
		runs, off = skip(runs, size), off+size
	}
	return nil
}

func (m *mapper) fill(off int64, size int, remote []unix.RemoteIovec) error {
	b, err := unix.Mmap(m.fd, off, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(b)
	// a page that cannot be had is an error of this call (since Linux 5.14), and not a signal later
	if err := unix.Madvise(b, unix.MADV_POPULATE_WRITE); err != nil {
		return err
	}
	local := unix.Iovec{Base: &b[0]}
	local.SetLen(size)
	n, err := unix.ProcessVMReadv(m.t.Pid, []unix.Iovec{local}, remote, 0)
	if err == nil && n != size {
		err = fmt.Errorf("memory: %d bytes of %d", n, size)
	}
	return err
}
