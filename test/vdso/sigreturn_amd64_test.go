//go:build amd64

package vdso

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/arch/x86"
	"woodfrog/core"
	"woodfrog/core/ptrace"
	"woodfrog/core/vdso"
	"woodfrog/internal/testenv"
)

// TestAboutToReturn dumps a task that has come to the end of a handler, in the code of the vDSO by which handlers return: it stays there, with the
// handler's signals blocked, natively and where it is the parked vDSO's code. A signal that waits for the return is not lost.
func TestAboutToReturn(t *testing.T) {
	testenv.Foreign(t, func(t *testing.T) {
		for how := range 4 {
			for _, pending := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/pending %t", handlerKinds[how], pending), func(t *testing.T) { testAboutToReturn(t, atBegin|how, pending) })
			}
		}
	})
}

// atBegin is the kind of a handler that interrupts no function of the vDSO: that would have to be over first.
const atBegin = 8

func testAboutToReturn(t *testing.T, how int, pending bool) {
	f := start(t, "handler", strconv.Itoa(how))
	n := uint64(1)
	for _, faults := range [][]string{{""}, {"vdso:trampolines"}, {"vdso:trampolines,far", ""}, {"vdso:trampolines"}, {""}} {
		f.holds(n)
		f.stopAtSigreturn()
		f.stays()
		if pending {
			require.NoError(t, unix.Kill(f.PID, unix.SIGALRM))
		}
		f.leaves()
		f.stays()
		for _, fault := range faults {
			f.cycle(fault)
			f.stays()
		}
		require.NoError(t, unix.Kill(f.PID, unix.SIGCONT))
		n++
	}
	f.holds(n)
	require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
	f.holds(n + 1)
	f.Check()
}

// TestReturnsByOtherCode: a thread at the end of a handler in a parked vDSO is refused if the image's has other code for that, and is let go.
func TestReturnsByOtherCode(t *testing.T) { testenv.Foreign(t, testReturnsByOtherCode) }

func testReturnsByOtherCode(t *testing.T) {
	f := start(t, "handler", strconv.Itoa(atBegin|2))
	f.holds(1)
	f.cycle("vdso:trampolines")
	require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
	f.holds(2) // in a handler that will return by the parked one
	mem, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(f.PID), "mem"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer mem.Close()
	own := f.ownCode(mem)
	for _, s := range own.Image.Lasting() {
		if s.Name == "__kernel_rt_sigreturn" {
			const nop = 0x90
			_, err := mem.WriteAt([]byte{nop}, int64(own.At+s.Value))
			require.NoError(t, err)
		}
	}
	f.stopAtSigreturn()
	f.stays()
	_, err = core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
	require.ErrorContains(t, err, "at the end of a handler of a signal")
	f.stays()
	require.NoError(t, unix.Kill(f.PID, unix.SIGCONT))
	f.holds(3)
	f.Check()
}

// ownCode is the vDSO of a proxy that is plain memory.
func (f *frog) ownCode(mem *os.File) (own vdso.Loaded) {
	for _, a := range f.areas() {
		own = vdso.Loaded{Code: make([]byte, a.end-a.start), At: a.start}
		if a.name != "" || a.prot != "r-xp" {
			continue
		}
		if _, err := mem.ReadAt(own.Code, int64(a.start)); err != nil {
			continue
		}
		if own.Image, _ = vdso.Parse(own.Code); own.Image != nil {
			return own
		}
	}
	require.Fail(f.t, "no vDSO of its own")
	return own
}

func (f *frog) leaves() {
	f.t.Helper()
	_, err := core.Dump(f.t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
	require.NoError(f.t, err)
}

// stays looks whether the task is stopped at the end of its handler.
func (f *frog) stays() {
	f.t.Helper()
	stopped := func() bool { return f.status("State") == "T (stopped)" }
	require.Eventually(f.t, stopped, 10*time.Second, time.Millisecond)
	require.Equal(f.t, "0000000000002000", f.status("SigBlk"), "the handler's SIGALRM")
}

func (f *frog) status(key string) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.PID), "status"))
	require.NoError(f.t, err)
	_, after, _ := strings.Cut(string(text), "\n"+key+":\t")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

// stopAtSigreturn has the handler of a 32-bit task end, and stops it at the system call by which it returns.
func (f *frog) stopAtSigreturn() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(f.t, unix.PtraceSeize(f.PID))
	defer func() { require.NoError(f.t, unix.PtraceDetach(f.PID)) }()
	require.NoError(f.t, unix.PtraceInterrupt(f.PID))
	f.waitStop()
	require.NoError(f.t, unix.PtraceSetOptions(f.PID, unix.PTRACE_O_TRACESYSGOOD))
	require.NoError(f.t, unix.Kill(f.PID, unix.SIGUSR1))
	const sigreturn, rtSigreturn, insnSize = 119, 173, 2
	var code area
	for _, a := range f.areas() {
		if a.name == "[vdso]" {
			code = a
		}
	}
	const eax, origEAX, eip = 6 * 4, 11 * 4, 12 * 4 // struct user_regs_struct32
	set, le := x86.I386.RegSets[0], binary.LittleEndian
	regs := make([]byte, set.Size)
	for sig := unix.Signal(0); ; {
		require.NoError(f.t, unix.PtraceSyscall(f.PID, int(sig)))
		status := f.waitStop()
		switch sig = status.StopSignal(); {
		case sig == unix.SIGTRAP: // the stop of an event
			sig = 0
			continue
		case sig != unix.SIGTRAP|0x80: // before a signal
			continue
		}
		sig = 0
		var err error
		regs, err = ptrace.ReadRegisters(f.PID, set, regs)
		require.NoError(f.t, err)
		nr, pc := le.Uint32(regs[origEAX:]), uint64(le.Uint32(regs[eip:]))
		if (nr == sigreturn || nr == rtSigreturn) && int32(le.Uint32(regs[eax:])) == -int32(unix.ENOSYS) && code.start <= pc && pc < code.end {
			break
		}
	}
	nr, pc := le.Uint32(regs[origEAX:]), le.Uint32(regs[eip:])
	le.PutUint32(regs[origEAX:], ^uint32(0)) // no call is made
	require.NoError(f.t, ptrace.SetRegisters(f.PID, set, regs))
	require.NoError(f.t, unix.PtraceSyscall(f.PID, 0))
	f.waitStop()
	le.PutUint32(regs[eax:], nr)
	le.PutUint32(regs[eip:], pc-insnSize)
	require.NoError(f.t, ptrace.SetRegisters(f.PID, set, regs))
	require.NoError(f.t, unix.Kill(f.PID, unix.SIGSTOP))
}

func (f *frog) waitStop() (status unix.WaitStatus) {
	_, err := unix.Wait4(f.PID, &status, unix.WALL, nil)
	require.NoError(f.t, err)
	out, _ := f.Said()
	require.True(f.t, status.Stopped(), "wait status %#x, output %q", status, out)
	return status
}
