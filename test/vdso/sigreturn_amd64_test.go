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
	"woodfrog/internal/testenv"
)

// TestAboutToReturn dumps a task that has come to the end of a handler, in the code of the vDSO by which handlers return, with the handler's
// signals still blocked. It comes out of there by returning, and has no signal blocked then; one that waited for that is not lost.
func TestAboutToReturn(t *testing.T) {
	testenv.Foreign(t, func(t *testing.T) {
		for how, name := range handlerKinds[:4] {
			for _, pending := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/pending %t", name, pending), func(t *testing.T) { testAboutToReturn(t, how, pending) })
			}
		}
	})
}

func testAboutToReturn(t *testing.T, how int, pending bool) {
	f := start(t, "handler", strconv.Itoa(how))
	dump := func() {
		_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
		require.NoError(t, err)
	}
	f.holds(1)
	dump() // what the handler interrupted has to be over
	f.stopAtSigreturn()
	stopped := func() bool { return f.status("State") == "T (stopped)" }
	require.Eventually(t, stopped, 10*time.Second, time.Millisecond)
	require.Equal(t, "0000000000002000", f.sigBlk(), "the handler's SIGALRM")
	if pending {
		require.NoError(t, unix.Kill(f.PID, unix.SIGALRM))
	}
	dump()
	require.Eventually(t, stopped, 10*time.Second, time.Millisecond)
	require.Equal(t, "0000000000000000", f.sigBlk())
	require.NoError(t, unix.Kill(f.PID, unix.SIGCONT))
	f.holds(2)
	f.cycle("")
	require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
	f.holds(3)
	f.Check()
}

// sigBlk is the signal mask of the task.
func (f *frog) sigBlk() string { return f.status("SigBlk") }

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
