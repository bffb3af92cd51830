package stubexec

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
	"woodfrog/core/stub"
	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
	"woodfrog/test/abis"
)

// built is the ABI of this very process.
var built = abis.ByGOARCH[runtime.GOARCH]

const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM

// newArea maps an area twice: where the engine has it, and where the stub runs.
func newArea(t *testing.T) *stub.Area {
	page := os.Getpagesize()
	size := 4 * max(page, 16<<10)
	fd, err := stub.NewMemfd(size)
	require.NoError(t, err)
	task, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	a, err := stub.NewArea([]*arch.ABI{built}, fd, size, page, linux.Address(task))
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	require.NoError(t, unix.Mprotect(task[:a.CodeSize], unix.PROT_READ|unix.PROT_EXEC))
	a.Unguarded()
	t.Cleanup(func() {
		a.Close()
		require.NoError(t, unix.Munmap(task))
	})
	return a
}

// enter makes a thread that begins at entry with b as its thread block.
func enter(t *testing.T, entry uint64, b stub.Block) (tid int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := linux.BlockSignals()
	require.NoError(t, err)
	tid = Thread(uintptr(entry), uintptr(b.Addr()))
	linux.RestoreSignals(old)
	require.Positive(t, tid)
	return tid
}

// ended waits for a program to end.
func ended(t *testing.T, p *stub.Program) {
	deadline := time.Now().Add(20 * time.Second)
	require.NoError(t, p.Block.Wait(func() error {
		if time.Now().After(deadline) {
			return os.ErrDeadlineExceeded
		}
		return p.Area.Kick() // a wake is lost on a thread that is just about to sleep
	}))
}

// next runs another program of the thread that ran p.
func next(t *testing.T, p *stub.Program, build func(*stub.Program)) *stub.Program {
	n := p.Next()
	build(n)
	n.Block.Rearm()
	n.Link()
	require.NoError(t, n.Area.Kick())
	return n
}

// leave ends thread tid, which ran p, and waits until it has left the area.
func leave(t *testing.T, p *stub.Program, tid int) {
	n := next(t, p, func(p *stub.Program) { p.Call(arch.SysExit, 0) })
	gone := func() bool { return n.Area.Kick() == nil && unix.Tgkill(os.Getpid(), tid, 0) == unix.ESRCH }
	require.Eventually(t, gone, 10*time.Second, time.Millisecond)
}

// TestOffsets: arguments of 64 bits arrive whole, in pairs of registers where words have 32.
func TestOffsets(t *testing.T) {
	const far = 1<<32 + 1<<20
	fd, err := linux.Memfd("far", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.Pwrite(fd, []byte("far"), far)
	require.NoError(t, err)
	a := newArea(t)
	one, other := a.Out(8), a.Out(8)
	word := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:built.WordSize()] }
	p := a.NewProgram(built)
	p.Call(arch.SysPread64, fd, one, 3, stub.Offset(far)).Expect(3)
	p.Call(arch.SysPreadv, fd, a.Bytes(append(word(other.Addr()), word(3)...)), 1, stub.Halves(far)).Expect(3)
	p.Link()
	tid := enter(t, p.Block.Entry(), p.Block)
	ended(t, p)
	require.NoError(t, p.Err(), "%s", p)
	require.Equal(t, "far", string(one.Mem()[:3]))
	require.Equal(t, "far", string(other.Mem()[:3]))
	leave(t, p, tid)
}

func TestProgram(t *testing.T) {
	a := newArea(t)
	page := os.Getpagesize()
	text := a.Bytes([]byte("frozen"))
	got := a.Out(16)
	p := a.NewProgram(built)
	pid := p.Call(arch.SysGetpid)
	p.Call(arch.SysGetpgid, pid)
	fd := p.Call(arch.SysMemfdCreate, a.String("x"), 0)
	p.Call(arch.SysWrite, fd, a.Out(page), page).Expect(int64(page))
	p.Call(arch.SysWrite, fd, text, 6).Expect(6)
	second := uint64(page) / built.MmapUnit
	at := p.Call(arch.SysMmap, 0, page, unix.PROT_READ, unix.MAP_SHARED, fd, second)
	p.Call(arch.SysLseek, fd, 0, unix.SEEK_SET).Expect(0)
	p.Call(arch.SysWrite, fd, at, 6).Expect(6)
	p.Call(arch.SysLseek, fd, 0, unix.SEEK_SET)
	p.Call(arch.SysRead, fd, got, 6).Expect(6)
	p.Call(arch.SysMunmap, at, page)
	p.Call(arch.SysClose, fd)
	bad := p.Call(arch.SysClose, fd).Ignore()
	p.Link()
	thread := enter(t, p.Block.Entry(), p.Block)
	ended(t, p)
	require.NoError(t, p.Err(), "%s", p)
	require.EqualValues(t, os.Getpid(), pid.Result())
	require.Equal(t, "frozen", string(got.Mem()[:6]))
	require.Equal(t, unix.EBADF, bad.Err())

	failed := next(t, p, func(p *stub.Program) {
		p.Call(arch.SysGetpid)
		p.Call(arch.SysClose, 1<<20).Note("the one")
		p.Call(arch.SysExitGroup, 3)
	})
	ended(t, failed)
	require.ErrorIs(t, failed.Err(), unix.EBADF)
	require.ErrorContains(t, failed.Err(), "the one")

	unexpected := next(t, p, func(p *stub.Program) {
		p.Call(arch.SysGetpid).Expect(-7)
		p.Call(arch.SysExitGroup, 3)
	})
	ended(t, unexpected)
	require.True(t, unexpected.Failed())
	expected := next(t, p, func(p *stub.Program) { p.Call(arch.SysClose, -1).Expect(-int64(unix.EBADF)) })
	ended(t, expected)
	require.NoError(t, expected.Err())
	leave(t, p, thread)
}

// TestCallThatNoKernelHas: an operation that is made to fail does, and the thread lives on.
func TestCallThatNoKernelHas(t *testing.T) {
	a := newArea(t)
	p := a.NewProgram(built)
	pid := p.Call(arch.SysGetpid)
	a.Fail = func() bool { return true }
	p.Link()
	a.Fail = nil
	thread := enter(t, p.Block.Entry(), p.Block)
	ended(t, p)
	require.ErrorIs(t, p.Err(), unix.ENOSYS)
	require.Equal(t, unix.ENOSYS, pid.Err())
	leave(t, p, thread)
}

func TestBarriers(t *testing.T) {
	a := newArea(t)
	const rounds = 20
	to, fro := a.Word(), a.Word()
	p, q := a.NewProgram(built), a.NewProgram(built)
	for i := range uint32(rounds) {
		p.Wait(to, i+1)
		p.Signal(fro)
		q.Signal(to)
		q.Wait(fro, i+1)
	}
	tids := map[*stub.Program]int{}
	for _, x := range []*stub.Program{p, q} {
		x.Link()
		tids[x] = enter(t, x.Block.Entry(), x.Block)
	}
	for x, tid := range tids {
		ended(t, x)
		require.NoError(t, x.Err())
		leave(t, x, tid)
	}
	require.EqualValues(t, rounds, to.Atomic().Load())
	require.EqualValues(t, rounds, fro.Atomic().Load())
}

func TestThreadOfProgram(t *testing.T) {
	a := newArea(t)
	p, child := a.NewProgram(built), a.NewProgram(built)
	mine := p.Call(arch.SysGettid)
	made := p.Call(arch.SysClone, threadFlags, 0, 0, 0, 0).Child(child)
	tid := child.Call(arch.SysGettid)
	p.Link()
	child.Link()
	enter(t, p.Block.Entry(), p.Block)
	for _, x := range []*stub.Program{p, child} {
		ended(t, x)
		require.NoError(t, x.Err())
	}
	leave(t, p, int(mine.Result()))
	leave(t, child, int(tid.Result()))
	require.Positive(t, made.Result())
	require.Equal(t, made.Result(), tid.Result())
	require.NotEqual(t, mine.Result(), tid.Result())
}

// fork runs program p in a child process, made by a thread that ends at once, and returns the child's PID.
func fork(t *testing.T, a *stub.Area, child *stub.Program) int {
	p := a.NewProgram(built)
	made := p.Call(arch.SysClone, int(unix.SIGCHLD), 0, 0, 0, 0).Child(child)
	p.Link()
	tid := enter(t, p.Block.Entry(), p.Block)
	ended(t, p)
	require.NoError(t, p.Err())
	leave(t, p, tid)
	return int(made.Result())
}

func status(t *testing.T, pid int) unix.WaitStatus {
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, 0, nil)
	require.NoError(t, err)
	return status
}

// TestEngineDies: the child has no frame to go back to, so it exits; waiting for a word or without a program, it makes no difference.
func TestEngineDies(t *testing.T) {
	for _, waits := range []bool{false, true} {
		a := newArea(t)
		child := a.NewProgram(built)
		up := a.Word()
		child.Signal(up)
		if waits {
			child.Wait(a.Word(), 1)
		}
		child.Link()
		pid := fork(t, a, child)
		require.Eventually(t, func() bool { return up.Atomic().Load() == 1 }, 10*time.Second, time.Millisecond)
		a.Abandon()
		require.Equal(t, 1, status(t, pid).ExitStatus())
	}
}

// TestWill: a thread carries it out once, when the engine is dead and not before, after the program that it runs.
func TestWill(t *testing.T) {
	a := newArea(t)
	child := a.NewProgram(built)
	up, done := a.Word(), a.Word()
	will := child.Next()
	will.Add(done, 3)
	will.Call(arch.SysClose, -1).Ignore()
	will.Bequeath()
	child.Signal(up)
	child.Wait(a.Word(), 1)
	child.Link()
	pid := fork(t, a, child)
	require.Eventually(t, func() bool { return up.Atomic().Load() == 1 }, 10*time.Second, time.Millisecond)
	require.Zero(t, done.Atomic().Load())
	a.Abandon()
	require.Equal(t, 1, status(t, pid).ExitStatus())
	require.EqualValues(t, 3, done.Atomic().Load())
}

// TestFrame: the child goes back to the registers of a signal frame, here those with which a thread enters the stub.
func TestFrame(t *testing.T) {
	testenv.Needs(t, testenv.Frames)
	a := newArea(t)
	child, after := a.NewProgram(built), a.NewProgram(built)
	up := a.Word()
	child.Signal(up)
	mask := a.Out(8)
	after.Call(arch.SysRtSigprocmask, unix.SIG_BLOCK, 0, mask, 8)
	after.Call(arch.SysExitGroup, 42)
	regs := make([][]byte, len(built.RegSets))
	regs[0] = userRegisters()
	built.Regs.SetStub(regs[0], after.Block.Entry(), after.Block.Addr())
	if built != x86.X86_64 && built != x86.I386 { // those have their zeroes by the frame's lack of them
		regs[1] = make([]byte, built.RegSets[1].Size)
	}
	const blocked = 1 << 33
	room := a.Out(8 << 10)
	frame, sp := built.Regs.Sigframe(nil, regs, nil, blocked, room.Addr())
	copy(room.Mem(), frame)
	child.Block.SetFrame(sp)
	child.Link()
	after.Link()
	pid := fork(t, a, child)
	require.Eventually(t, func() bool { return up.Atomic().Load() == 1 }, 10*time.Second, time.Millisecond)
	a.Abandon()
	require.Equal(t, 42, status(t, pid).ExitStatus())
	require.EqualValues(t, uint64(blocked), mask.U64(0))
}

// userRegisters are those that a thread in user mode has at least.
func userRegisters() []byte {
	gpr := make([]byte, built.RegSets[0].Size)
	le := binary.LittleEndian
	switch built {
	case x86.X86_64:
		le.PutUint64(gpr[17*8:], 0x33) // CS
		le.PutUint64(gpr[20*8:], 0x2b) // SS
	case x86.I386:
		for i, seg := range map[int]uint32{7: 0x2b, 8: 0x2b, 13: 0x23, 16: 0x2b} { // DS, ES, CS, SS
			le.PutUint32(gpr[4*i:], seg)
		}
	case arm.Arm:
		le.PutUint32(gpr[16*4:], 0x10) // CPSR: user mode
	case ppc64.PPC64LE:
		le.PutUint64(gpr[33*8:], 1) // MSR: little endian
	}
	return gpr
}

// TestShim runs the first instructions of a fresh program: calls with six arguments, then the stub.
func TestShim(t *testing.T) {
	a := newArea(t)
	page := os.Getpagesize()
	fd, err := stub.NewMemfd(2 * page)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.Pwrite(fd, []byte("second page"), int64(page))
	require.NoError(t, err)
	place, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	code, err := unix.Mmap(-1, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	p := a.NewProgram(built)
	tid := p.Call(arch.SysGettid)
	p.Link()
	copy(code, built.Stub.Shim([]arch.ShimCall{
		{Nr: built.Sys(arch.SysMmap), Args: [6]uint64{linux.Address(place), uint64(page), unix.PROT_READ, unix.MAP_SHARED | unix.MAP_FIXED, uint64(fd), uint64(page) / built.MmapUnit}},
		{Nr: built.Sys(arch.SysMunmap), Args: [6]uint64{linux.Address(place) + uint64(page), uint64(page)}},
	}, p.Block.Entry(), p.Block.Addr()))
	require.NoError(t, unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC))
	thread := enter(t, linux.Address(code), p.Block)
	ended(t, p)
	require.NoError(t, p.Err())
	require.Positive(t, tid.Result())
	require.Equal(t, "second page", string(place[:11]))
	leave(t, p, thread)
}

// TestDeposit: a thread runs a program that is in the area when it is told to, and not before, even if it is woken meanwhile.
func TestDeposit(t *testing.T) {
	a := newArea(t)
	p := a.NewProgram(built)
	p.Call(arch.SysGettid)
	p.Link()
	tid := enter(t, p.Block.Entry(), p.Block)
	ended(t, p)
	count := a.Word()
	n := p.Next()
	n.Add(count, 1)
	n.Deposit()
	for range 1000 {
		require.NoError(t, a.Kick())
	}
	require.Zero(t, count.Atomic().Load())
	for i := range uint32(100) {
		n.Deposit()
		n.Again()
		require.NoError(t, a.Kick())
		ended(t, n)
		require.NoError(t, n.Err())
		require.Equal(t, i+1, count.Atomic().Load())
	}
	leave(t, n, tid)
}
