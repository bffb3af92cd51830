package faults

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core"
	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// TestDumpFails: whatever goes wrong in a dump, the tasks go on untouched, and nothing that looks like a checkpoint is left.
func TestDumpFails(t *testing.T) { testenv.Each(t, testDumpFails) }

func testDumpFails(t *testing.T) {
	for _, c := range victims {
		t.Run(c.name, func(t *testing.T) {
			v := start(t, c.args)
			for _, stage := range stages(t, v.dump(t.Context(), "stage:none")) {
				require.Equal(t, "stage "+stage+": fault injected", v.failedDump("stage:"+stage))
			}
			for i, kind := range []string{"op", "crash", "call", "full"} {
				places := v.everyPlace(kind, i, v.failedDump)
				require.NotZero(t, places, kind)
			}
			v.freeze()
			v.thaw()
		})
	}
}

// TestDumpOfTracedThread: what only shows when the tree is stopped has a remedy, too.
func TestDumpOfTracedThread(t *testing.T) {
	v := start(t, "threads 3")
	dirs, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", v.PID))
	require.NoError(t, err)
	tid, err := strconv.Atoi(filepath.Base(dirs[len(dirs)-1]))
	require.NoError(t, err)
	require.NotEqual(t, v.PID, tid)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tracer := unix.Gettid()
	require.NoError(t, linux.Seize(tid, 0))
	err = v.dump(t.Context(), "")
	require.NoError(t, linux.Interrupt(tid))
	_, _, werr := linux.Wait(tid, false)
	require.NoError(t, werr)
	require.NoError(t, linux.Detach(tid, 0))
	var found core.Obstacle
	require.ErrorAs(t, err, &found)
	require.Equal(t, core.Obstacle{
		Pid: v.PID, Thing: fmt.Sprintf("thread %d", tid), Cause: fmt.Sprintf("process %d traces it already", tracer),
		Remedy: fmt.Sprintf("end process %d (gdb, strace), or let it detach", tracer),
	}, found)
	v.goesOn()
	v.Check()
}

// stages are those that an engine names when it is told to fail at one that it does not know.
func stages(t *testing.T, err error) []string {
	t.Helper()
	require.Error(t, err)
	_, list, _ := strings.Cut(err.Error(), " are ")
	names := strings.Split(list, ", ")
	require.Greater(t, len(names), 5, err.Error())
	return names
}

// failedDump returns the error of a dump with a fault; none if the fault did not come to pass.
func (v *victim) failedDump(fault string) (msg string) {
	v.t.Helper()
	v.On(v.t).Untouched(func() {
		if err := v.dump(v.t.Context(), fault); err != nil {
			msg = err.Error()
		}
	})
	require.Equal(v.t, msg == "", v.committed(), "%s: %s", fault, msg)
	require.False(v.t, v.t.Failed(), "%s: %s", fault, msg)
	v.goesOn()
	return msg
}

// everyPlace tries faults of a kind, kind:1 on, until none comes to pass, and returns how many did.
func (v *victim) everyPlace(kind string, offset int, try func(fault string) string) int {
	v.t.Helper()
	step := every(7)
	places := 0
	for n := 1 + offset%step; ; n += step {
		fault := fmt.Sprintf("%s:%d", kind, n)
		msg := try(fault)
		if msg == "" {
			// the places are not that many: a fault further on may not come to pass either
			if n == 1+offset%step && n > 1 {
				require.NotEmpty(v.t, try(kind+":1"), kind)
				places++
			}
			return places
		}
		switch kind {
		case "full":
			require.Contains(v.t, msg, "no space left on device", fault)
		case "crash":
			require.Regexp(v.t, "segmentation fault|died while it was made", msg, fault)
		default:
			require.Contains(v.t, msg, "function not implemented", fault)
		}
		places++
	}
}
