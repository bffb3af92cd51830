package stub

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// Area is the stub's memory: code, then the engine's futex, thread blocks, programs and their data. It is one memfd, mapped
// in the engine here and in tasks at Base: first CodeSize bytes r-x, the rest rw-, both shared.
type Area struct {
	ABIs     []*arch.ABI // whose stubs are in it
	Base     uint64      // address in the tasks
	CodeSize int         // bytes, whole pages
	whole    []byte      // the engine's mapping
	mem      []byte      // the part that tasks map
	used     int
	page     int
	engine   *atomic.Uint32
	// Fail is for tests: asked for each operation that may not fail, when it is laid down. When it says yes, the operation
	// becomes a call that no kernel has. When Crash does, one whose first argument nobody can read. They may be nil.
	Fail, Crash func() bool
}

// NewMemfd creates the file of an area of size bytes.
func NewMemfd(size int) (int, error) {
	fd, err := linux.Memfd("woodfrog", 0)
	if err != nil {
		return -1, fmt.Errorf("stub: memfd: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("stub: memfd: size %d: %w", size, err)
	}
	return fd, nil
}

// stubAt is where in an area the stub of the ABI of that index begins.
func stubAt(abis []*arch.ABI, i int) int {
	at := 0
	for _, abi := range abis[:i] {
		at += (len(abi.Stub.Code) + stubAlign - 1) &^ (stubAlign - 1)
	}
	return at
}

const stubAlign = 64

// NewArea maps size bytes of the file fd in the engine and puts the stubs of abis into it. The area does not need fd any longer.
func NewArea(abis []*arch.ABI, fd, size, page int, base uint64) (*Area, error) {
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("stub: map area: %w", err)
	}
	code := (stubAt(abis, len(abis)) + page - 1) / page * page
	a := &Area{ABIs: abis, Base: base, CodeSize: code, whole: mem, mem: mem, page: page}
	for i, abi := range abis {
		copy(mem[stubAt(abis, i):], abi.Stub.Code)
	}
	a.used = a.CodeSize + linux.RobustEntry
	return a, nil
}

// Carve makes n bytes of a an area of their own, in which another thread of the engine may make programs. It ends with a.
func (a *Area) Carve(n int) *Area {
	part := *a
	part.whole, part.used = nil, a.alloc(n, tcbSize)
	part.mem = a.mem[: part.used+n : part.used+n]
	return &part
}

// Close releases the engine's side.
func (a *Area) Close() {
	if a.whole != nil {
		_ = unix.Munmap(a.whole)
		a.whole, a.mem = nil, nil
	}
}

// Size is the area's length, bytes.
func (a *Area) Size() int { return len(a.mem) }

// Guard ties the area's threads to the life of the calling thread: when that dies they go back to their frames.
func (a *Area) Guard(l *linux.RobustList) { a.engine = l.Add(a.mem, a.CodeSize) }

// Unguarded is for threads that nobody but Abandon tells that the engine is dead: tests where the kernel knows no robust futexes.
func (a *Area) Unguarded() { a.engine = linux.Word(a.mem, a.CodeSize+8) }

func (a *Area) engineWord() uint64 { return a.Base + uint64(a.CodeSize) + 8 }

// Alloc reserves n bytes, aligned to align (a power of two), and returns their offset.
func (a *Area) alloc(n, align int) int {
	off := (a.used + align - 1) &^ (align - 1)
	if off+n > len(a.mem) {
		panic(areaFull{n, len(a.mem)})
	}
	a.used = off + n
	return off
}

type areaFull struct{ want, size int }

func (e areaFull) Error() string {
	return fmt.Sprintf("stub: area of %d bytes is full: %d more wanted", e.size, e.want)
}

// Data is a piece of the area: read it after a program ran, or fill it before.
type Data struct {
	area *Area
	off  int
	n    int
	text bool
}

// Off is where the data is in the area's file.
func (d Data) Off() int { return d.off }

// Out reserves n bytes for a program to write to, 64-byte aligned.
func (a *Area) Out(n int) Data { return Data{area: a, off: a.alloc(n, 64), n: n} }

// Place puts into the area, 64-byte aligned, what layOut makes for that address, in room if that is enough.
func (a *Area) Place(layOut func(room []byte, at uint64) []byte) Data {
	const align = 64
	at := min((a.used+align-1)&^(align-1), len(a.mem))
	b := layOut(a.mem[at:at], a.Base+uint64(at))
	d := Data{area: a, off: a.alloc(len(b), align), n: len(b)}
	copy(d.Mem(), b) // of itself, as a rule
	return d
}

// Bytes puts b into the area.
func (a *Area) Bytes(b []byte) Data {
	d := Data{area: a, off: a.alloc(len(b), 8), n: len(b)}
	copy(d.Mem(), b)
	return d
}

// String puts s into the area, ended by a zero byte.
func (a *Area) String(s string) Data {
	d := a.Bytes(append([]byte(s), 0))
	d.text = true
	return d
}

// Addr is the address in the task.
func (d Data) Addr() uint64 { return d.area.Base + uint64(d.off) }

// Mem is the memory itself.
func (d Data) Mem() []byte { return d.area.mem[d.off : d.off+d.n : d.off+d.n] }

// Part is n bytes of d from off on.
func (d Data) Part(off, n int) Data {
	_ = d.Mem()[off : off+n]
	return Data{area: d.area, off: d.off + off, n: n}
}

// PutU64 sets the i-th 64-bit word.
func (d Data) PutU64(i int, v uint64) { binary.LittleEndian.PutUint64(d.Mem()[8*i:], v) }

// U64 is the i-th 64-bit word.
func (d Data) U64(i int) uint64 { return binary.LittleEndian.Uint64(d.Mem()[8*i:]) }

// Word is a futex word in the area, 0 at first.
func (a *Area) Word() Data { return Data{area: a, off: a.alloc(4, 4), n: 4} }

// Atomic is the engine's view of a futex word.
func (d Data) Atomic() *atomic.Uint32 { return linux.Word(d.area.mem, d.off) }

// Trim makes the area as large as what is used of it, whole pages: what tasks map of it.
func (a *Area) Trim() {
	size := (a.used + a.page - 1) &^ (a.page - 1)
	a.mem = a.mem[:size:size]
}
