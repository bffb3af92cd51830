package vdso

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// held is how often the workload's handler has stopped it inside the vDSO.
func (f *frog) held() uint64 {
	b, _ := os.ReadFile(filepath.Join(f.Dir, "rounds"))
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (f *frog) holds(n uint64) {
	f.t.Helper()
	for end := time.Now().Add(20 * time.Second); f.held() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			out, _ := os.ReadFile(filepath.Join(f.Dir, "out"))
			require.FailNow(f.t, "not held", "%d times, not %d: output %q", f.held(), n, out)
		}
	}
}

// How the handler is called, as test/workload/bare numbers it.
var handlerKinds = map[int]string{
	0: "plain", 1: "stack", 2: "siginfo", 3: "siginfo stack", 4: "open", 5: "open stack", 6: "open siginfo", 7: "open siginfo stack",
	8: "at the beginning of another", 16: "at the end of another", 18: "siginfo at the end of another",
}

// TestHandlersReturnIntoTheVDSO dumps a task in a handler that interrupted a function of the vDSO, in the first cycle, in the second and
// later ones, natively and under proxies that move and go; then the handler returns.
func TestHandlersReturnIntoTheVDSO(t *testing.T) { testenv.Each(t, testHandlersReturnIntoTheVDSO) }

func testHandlersReturnIntoTheVDSO(t *testing.T) {
	for how, name := range handlerKinds {
		t.Run(name, func(t *testing.T) {
			f := start(t, "handler", strconv.Itoa(how))
			before := f.areas()
			n := uint64(1)
			for _, faults := range [][]string{
				{""},
				{"vdso:trampolines"},
				{"vdso:trampolines,far", ""},
				{"vdso:trampolines", "vdso:trampolines,far", "vdso:no-map"},
				{"vdso:trampolines,no-map"},
				{"vdso:trampolines,far", "vdso:trampolines"},
			} {
				f.holds(n)
				for _, fault := range faults {
					f.cycle(fault)
				}
				n = f.held() + 1
				require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
			}
			f.holds(n)
			f.cycle("")
			require.Equal(t, before, f.areas())
			f.Check()
		})
	}
}

// TestHandlersGoOn: a dump that lets the task run on leaves its handlers as they were.
func TestHandlersGoOn(t *testing.T) { testenv.Each(t, testHandlersGoOn) }

func testHandlersGoOn(t *testing.T) {
	for how, name := range handlerKinds {
		t.Run(name, func(t *testing.T) {
			f := start(t, "handler", strconv.Itoa(how))
			f.holds(1)
			for n := uint64(1); n <= 2; n++ {
				f.Untouched(func() {
					_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
					require.NoError(t, err)
				})
				require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
				f.holds(n + 1) // of two signals at once the first would count
			}
			f.Check()
		})
	}
}

// TestHandlersOfFaults: what faults inside the vDSO is not finished, since it would only fault again, and the handler's action stays.
func TestHandlersOfFaults(t *testing.T) { testenv.Each(t, testHandlersOfFaults) }

func testHandlersOfFaults(t *testing.T) {
	for _, how := range []int{0, 1} {
		t.Run(handlerKinds[how], func(t *testing.T) {
			f := start(t, "fault", strconv.Itoa(how))
			f.Untouched(func() {
				_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
				require.NoError(t, err)
			})
			f.cycle("")
			f.cycle("")
			f.Check()
		})
	}
}

// TestSlowSteps: a function that reads again what the kernel has changed meanwhile comes to its end, though each step takes so long that the
// kernel has always changed it.
func TestSlowSteps(t *testing.T) { testenv.Each(t, testSlowSteps) }

func testSlowSteps(t *testing.T) {
	f := start(t, "handler", "2")
	for n := uint64(1); n <= 4; n++ {
		f.holds(n)
		_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true, Fault: "vdso:slow"})
		require.NoError(t, err)
		require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
	}
	f.holds(5)
	f.Check()
}

// TestNoWayOut: a dump fails where what a handler interrupted does not come out of the vDSO, be its signal blocked or not, and the task is as
// it was; how long it is tried is up to who dumps.
func TestNoWayOut(t *testing.T) { testenv.Each(t, testNoWayOut) }

func testNoWayOut(t *testing.T) {
	for _, how := range []int{2, 6} {
		t.Run(handlerKinds[how], func(t *testing.T) {
			f := start(t, "handler", strconv.Itoa(how))
			f.holds(1)
			within := func(limit time.Duration) (err error) {
				f.Untouched(func() {
					ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("enough"))
					defer cancel()
					_, err = core.Dump(ctx, host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true, Fault: "vdso:stuck"})
					require.ErrorContains(t, err, "enough")
				})
				return err
			}
			limit := 200 * time.Millisecond
			for limit < time.Minute && !strings.Contains(within(limit).Error(), "on the way out of the vDSO: enough") {
				limit *= 2 // a slow machine was not that far
			}
			require.Less(t, limit, time.Minute)
			f.cycle("")
			require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
			f.holds(2)
			f.Check()
		})
	}
}
