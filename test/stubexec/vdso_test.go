package stubexec

import (
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/aarch64"
	"woodfrog/arch/arm"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// place is a page that code is written to and executed from.
type place []byte

// newPlaces maps pages so far apart, in bytes; what is in between stays reserved.
func newPlaces(t *testing.T, apart uint64) (low, high place) {
	page := os.Getpagesize()
	all, err := unix.Mmap(-1, 0, int(apart)+page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(all)) })
	low, high = all[:page:page], all[apart:]
	for _, p := range []place{low, high} {
		require.NoError(t, unix.Mprotect(p, unix.PROT_READ|unix.PROT_WRITE))
	}
	return low, high
}

func (p place) addr() uint64 { return linux.Address(p) }

// put writes code at off.
func (p place) put(t *testing.T, off uint64, code []byte) {
	require.NotEmpty(t, code)
	require.NoError(t, unix.Mprotect(p, unix.PROT_READ|unix.PROT_WRITE))
	require.Equal(t, len(code), copy(p[off&^1:], code))
	p.run(t)
}

// run makes what was written executable, as a restore does; where the processor of arm64 checks that branches land on landing pads,
// it checks it here.
func (p place) run(t *testing.T) {
	const protBTI = 0x10 // arch/arm64/include/uapi/asm/mman.h
	if built != aarch64.AArch64 || unix.Mprotect(p, unix.PROT_READ|unix.PROT_EXEC|protBTI) != nil {
		require.NoError(t, unix.Mprotect(p, unix.PROT_READ|unix.PROT_EXEC))
	}
	if nr := built.Sys(arch.SysCacheflush); nr >= 0 {
		_, _, e := unix.RawSyscall(uintptr(nr), uintptr(p.addr()), uintptr(p.addr())+uintptr(len(p)), 0)
		require.Zero(t, e)
	}
}

// modes are the offsets that code may be at: on arm those of ARM code, and of Thumb code at an even and an odd halfword.
func modes() []uint64 {
	if built == arm.Arm {
		return []uint64{0x100, 0x201, 0x303}
	}
	return []uint64{0x100}
}

// apart are so many times the bytes that Near gets in every mode, in whole pages, or what room a process of 32 bits has.
func apart(times uint64) uint64 {
	most := uint64(1 << 28)
	if built.WordSize() == 8 {
		most = 1 << 40
	}
	return min(times*built.VDSO.Reach, most) &^ (uint64(os.Getpagesize()) - 1)
}

func TestTrampolines(t *testing.T) {
	require.Negative(t, Call(uintptr(probe(t)), 0, 0, 0, 0, 0), "what fails is told")
	low, high := newPlaces(t, apart(4))
	pid := built.Sys(arch.SysGetpid)
	for _, from := range modes() {
		for _, to := range modes() {
			to += 0x400
			target := low.addr() + to
			low.put(t, to, built.VDSO.Call(target, pid))
			for _, c := range []struct {
				in   place
				far  bool
				name string
			}{{low, false, "near"}, {low, true, "far"}, {high, true, "far away"}} {
				at := c.in.addr() + from
				code := built.VDSO.Near(at, target)
				require.Equal(t, c.name == "far away" && built != x86.I386 || (from^to)&1 != 0, code == nil, "%s: %#x to %#x", c.name, from, to)
				if c.far || code == nil {
					code = built.VDSO.Far(at, target)
				}
				c.in.put(t, from, code)
				require.Equal(t, os.Getpid(), Call(uintptr(at), 0, 0, 0, 0, 0), "%s: %#x to %#x", c.name, from, to)
			}
		}
	}
}

// probe is a function that fails: a stub for a system call that no kernel has.
func probe(t *testing.T) uint64 {
	low, _ := newPlaces(t, uint64(os.Getpagesize()))
	low.put(t, 0, built.VDSO.Call(low.addr(), 4000))
	return low.addr()
}

// TestLongestBranches: from one end of what a branch reaches to the other, both ways.
func TestLongestBranches(t *testing.T) {
	low, high := newPlaces(t, apart(1))
	for _, off := range modes() {
		for _, way := range [][2]place{{low, high}, {high, low}} {
			at, target := way[0].addr()+off, way[1].addr()+off
			way[1].put(t, off, built.VDSO.Call(target, built.Sys(arch.SysGetpid)))
			branch := built.VDSO.Near(at, target)
			require.NotNil(t, branch)
			way[0].put(t, off, branch)
			require.Equal(t, os.Getpid(), Call(uintptr(at), 0, 0, 0, 0, 0))
		}
	}
}

// timespec is what the call writes: two longs, or two 64-bit words.
func timespec(b []byte, name string) (sec, nsec uint64) {
	order := binary.LittleEndian
	if built.WordSize() == 4 && !strings.HasSuffix(name, "64") {
		return uint64(order.Uint32(b)), uint64(order.Uint32(b[4:]))
	}
	return order.Uint64(b), order.Uint64(b[8:])
}

// try calls fn, which does what the function of that name does, and says whether it knows it.
func try(t *testing.T, name string, fn uintptr, buf []byte) bool {
	at := uintptr(linux.Address(buf))
	clear(buf[:64])
	sec, frac := uint64(0), uint64(0)
	switch name {
	case "getcpu":
		require.Zero(t, Call(fn, at, at+8, 0, 0, 0))
		require.Less(t, binary.LittleEndian.Uint32(buf), uint32(1<<16))
		return true
	case "time":
		sec = uint64(Call(fn, at, 0, 0, 0, 0))
	case "gettimeofday":
		require.Zero(t, Call(fn, at, 0, 0, 0, 0), name)
		sec, frac = timespec(buf, name)
		require.Less(t, frac, uint64(1e6))
	case "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64":
		require.Zero(t, Call(fn, unix.CLOCK_REALTIME, at, 0, 0, 0), name)
		sec, frac = timespec(buf, name)
		require.Less(t, frac, uint64(1e9))
		require.Equal(t, -int(unix.EINVAL), Call(fn, 1000, at, 0, 0, 0), name)
	default:
		return false
	}
	if strings.HasPrefix(name, "clock_getres") {
		require.Zero(t, sec)
		require.NotZero(t, frac)
	} else {
		require.InDelta(t, time.Now().Unix(), sec, 2, name)
	}
	return true
}

func TestCallStubs(t *testing.T) {
	buf := newPage(t)
	code, _ := newPlaces(t, uint64(os.Getpagesize()))
	for _, off := range modes() {
		fn := code.addr() + off
		for name, call := range built.VDSO.SystemCalls {
			if nr := built.Sys(call); nr >= 0 {
				code.put(t, off, built.VDSO.Call(fn, nr))
				require.True(t, try(t, name, uintptr(fn), buf) || name == "getrandom", name)
			}
		}
	}
}

// newPage maps memory that stays where it is.
func newPage(t *testing.T) []byte {
	buf, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(buf)) })
	return buf
}

// TestOwnVDSO moves copies of this process's vDSO, patched, to other places: for the vDSO itself near and far, for a kernel that has none. Their
// functions do what they did.
func TestOwnVDSO(t *testing.T) {
	testenv.Needs(t, testenv.OwnProc)
	facts := &kerndat.Facts{Dirs: []string{t.TempDir()}}
	own, err := facts.VDSO(built)
	require.NoError(t, err)
	group, err := kerndat.Group(ownMaps(t)) // the facts may be of another process
	require.NoError(t, err)
	code, ok := group.Code()
	if !ok {
		return
	}
	buf := newPage(t)
	interrupt(t)
	for _, c := range []struct {
		name string
		rt   *vdso.Image
		far  bool
	}{{"near", own.Image, false}, {"far", own.Image, true}, {"gone", &vdso.Image{}, false}} {
		decisions, err := vdso.Decide(own.Image, c.rt)
		if built == ppc64.PPC64LE && c.name == "gone" {
			require.ErrorContains(t, err, "no system call stands for it")
			continue
		}
		require.NoError(t, err)
		at := putCopy(t, own.Code, code, decisions, c.far)
		tried := 0
		for _, d := range decisions {
			fn := uintptr(at + d.Value)
			for _, name := range d.Names {
				name = strings.TrimPrefix(strings.TrimPrefix(name, "__vdso_"), "__kernel_")
				switch {
				case try(t, name, fn, buf):
					tried++
				case name == "getrandom":
					tried++
					want := map[bool]int{false: 0, true: -int(unix.ENOSYS)}[c.name == "gone"]
					require.Equal(t, want, Call(fn, 0, 0, 0, uintptr(linux.Address(buf)), ^uintptr(0)), "the size of the state")
					require.Equal(t, 16, Call(fn, uintptr(linux.Address(buf)), 16, 0, 0, 0))
				}
			}
		}
		require.GreaterOrEqual(t, tried, 3, c.name)
	}
}

// interrupt has the calling goroutine's thread get signals all the time: Go's runtime has a handler for them.
func interrupt(t *testing.T) {
	runtime.LockOSThread()
	event, times, id := newPage(t), newPage(t), newPage(t)
	word := built.WordSize()
	const threadID = 4 // SIGEV_THREAD_ID
	binary.LittleEndian.PutUint32(event[word:], uint32(unix.SIGURG))
	binary.LittleEndian.PutUint32(event[word+4:], threadID)
	binary.LittleEndian.PutUint32(event[word+8:], uint32(unix.Gettid()))
	_, _, e := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, uintptr(linux.Address(event)), uintptr(linux.Address(id)))
	require.Zero(t, e)
	timer := uintptr(binary.LittleEndian.Uint32(id))
	for _, at := range []int{word, 3 * word} { // nanoseconds of struct itimerspec
		binary.LittleEndian.PutUint32(times[at:], 100_000)
	}
	_, _, e = unix.Syscall6(unix.SYS_TIMER_SETTIME, timer, 0, uintptr(linux.Address(times)), 0, 0, 0)
	require.Zero(t, e)
	t.Cleanup(func() {
		_, _, _ = unix.Syscall(unix.SYS_TIMER_DELETE, timer, 0, 0)
		runtime.UnlockOSThread()
	})
}

// ownMaps are the areas of this process.
func ownMaps(t *testing.T) []procfs.Map {
	self, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer self.Close()
	maps, err := self.Maps()
	require.NoError(t, err)
	return maps
}

// putCopy puts a patched copy of the vDSO into the hole that is nearest to it, as a restore would do it the other way round.
func putCopy(t *testing.T, content []byte, code vdso.Area, decisions []vdso.Decision, far bool) (at uint64) {
	mem, err := unix.Mmap(-1, 0, int(code.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	var taken []vdso.Area
	for _, m := range ownMaps(t) {
		taken = append(taken, vdso.Area{Start: m.Start, End: m.End})
	}
	page := uint64(os.Getpagesize())
	at, ok := vdso.Hole(taken, code, code.Size(), page, built.VDSO.Reach, 1<<16, built.TaskSize)
	require.True(t, ok)
	copy(mem, content)
	require.NoError(t, vdso.Patch(mem, built, decisions, at, code.Start, far))
	place(mem).run(t)
	moved, _, e := unix.Syscall6(unix.SYS_MREMAP, uintptr(linux.Address(mem)), uintptr(len(mem)), uintptr(len(mem)), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, uintptr(at), 0)
	require.Zero(t, e)
	require.EqualValues(t, at, moved)
	t.Cleanup(func() { _, _, _ = unix.Syscall(unix.SYS_MUNMAP, moved, uintptr(code.Size()), 0) })
	return at
}

func TestRandomStub(t *testing.T) {
	if built.VDSO.CallRandom == nil {
		require.NotContains(t, built.VDSO.SystemCalls, "getrandom")
		return
	}
	buf := newPage(t)
	code, _ := newPlaces(t, uint64(os.Getpagesize()))
	code.put(t, 0, built.VDSO.CallRandom(code.addr(), built.Sys(arch.SysGetrandom)))
	fn, at := uintptr(code.addr()), uintptr(linux.Address(buf))
	require.Equal(t, -int(unix.ENOSYS), Call(fn, 0, 0, 0, at, ^uintptr(0)), "the size of the state")
	require.Equal(t, make([]byte, 64), buf[:64])
	for _, size := range []uintptr{0, 144, 1 << 20} { // the state means nothing to the system call
		clear(buf)
		require.Equal(t, 16, Call(fn, at, 16, 0, at+64, size))
		require.NotEqual(t, make([]byte, 16), buf[:16])
		require.Equal(t, make([]byte, 64), buf[16:80])
	}
	require.Equal(t, -int(unix.EFAULT), Call(fn, 8, 16, 0, 0, 0))
}

func TestFailStub(t *testing.T) {
	if built.VDSO.Fail == nil {
		return
	}
	code, _ := newPlaces(t, uint64(os.Getpagesize()))
	code.put(t, 0, built.VDSO.Fail(code.addr()))
	require.Equal(t, -int(unix.ENOSYS), Call(uintptr(code.addr()), 0, 0, 0, 0, 0))
}

// TestVsyscall makes system calls through a __kernel_vsyscall that was patched, from its start and from where its quick way would have begun.
func TestVsyscall(t *testing.T) {
	if built.VDSO.Vsyscall == nil {
		return
	}
	// push ecx; push edx; push ebp; mov ebp, esp; sysenter; int 0x80; pop ebp; pop edx; pop ecx; ret
	vsyscall := []byte{0x51, 0x52, 0x55, 0x89, 0xe5, 0x0f, 0x34, 0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3}
	// The function's arguments are of the system call: the number, and three in ebx, ecx and edx. ebp is the sixth of a call.
	caller := func(at, fn uint64) []byte {
		b := []byte{0x53, 0x55, 0x31, 0xed, 0x8b, 0x44, 0x24, 0x0c, 0x8b, 0x5c, 0x24, 0x10, 0x8b, 0x4c, 0x24, 0x14, 0x8b, 0x54, 0x24, 0x18}
		rel := uint32(fn - (at + uint64(len(b)) + 5))
		b = append(b, 0xe8, byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24))
		return append(b, 0x5d, 0x5b, 0xc3)
	}
	buf := newPage(t)
	code, _ := newPlaces(t, uint64(os.Getpagesize()))
	patched := append([]byte(nil), vsyscall...)
	copy(patched, built.VDSO.Vsyscall(vsyscall))
	code.put(t, 0x100, patched)
	code.put(t, 0x200, caller(code.addr()+0x200, code.addr()+0x100))
	// As if the thread had been right before sysenter: ebp has been lost and is on the stack.
	code.put(t, 0x300, append([]byte{0x51, 0x52, 0x55, 0x89, 0xe5}, built.VDSO.Near(code.addr()+0x305, code.addr()+0x105)...))
	code.put(t, 0x400, caller(code.addr()+0x400, code.addr()+0x300))
	for _, at := range []uint64{0x200, 0x400} {
		fn := uintptr(code.addr() + at)
		require.Equal(t, os.Getpid(), Call(fn, uintptr(built.Sys(arch.SysGetpid)), 0, 0, 0, 0))
		require.Equal(t, -int(unix.EBADF), Call(fn, uintptr(built.Sys(arch.SysClose)), 1<<20, 0, 0, 0))
		require.Equal(t, 4, Call(fn, uintptr(built.Sys(arch.SysGetrandom)), uintptr(linux.Address(buf)), 4, 0, 0), "three arguments")
	}
}
