package vdso

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// spins is how often to dump and restore what is in the vDSO nearly all the time: n times, or as often as WOODFROG_TEST_SPIN says.
func spins(n int) int {
	if n, err := strconv.Atoi(os.Getenv("WOODFROG_TEST_SPIN")); err == nil {
		return n
	}
	return n
}

// TestSpin dumps and restores threads that ask for the time.
func TestSpin(t *testing.T) { testenv.Each(t, testSpin) }

func testSpin(t *testing.T) {
	f := start(t, "clock", "2")
	before := f.areas()
	for range spins(100) {
		f.cycle("vdso:trampolines")
		f.requireProxy(before)
	}
	f.Check()
}

// TestSpinRandom is that for threads that draw random numbers.
func TestSpinRandom(t *testing.T) {
	f := start(t, "random", "2")
	before := f.areas()
	for i := range spins(50) {
		if i%2 == 1 {
			f.cycle("vdso:trampolines,far")
			continue
		}
		f.cycle("vdso:trampolines")
		f.requireProxy(before)
	}
	f.cycle("")
	require.Equal(t, before, f.areas())
	f.Check()
}

// TestStepsLeaveNoTrace dumps threads that are inside the vDSO, and that ignore the signal that steps come with or have it blocked, and
// lets them go on.
func TestStepsLeaveNoTrace(t *testing.T) { testenv.Each(t, testStepsLeaveNoTrace) }

func testStepsLeaveNoTrace(t *testing.T) {
	for _, trap := range []string{"0", "1", "2"} {
		f := start(t, "clock", "2", trap)
		for range spins(10) {
			f.Untouched(func() {
				_, err := core.Dump(t.Context(), host.Backend(), f.PID, core.Options{ImagesDir: f.dir, LeaveRunning: true})
				require.NoError(t, err)
			})
		}
		for range 3 {
			f.cycle("vdso:trampolines")
		}
		f.Check()
	}
}
