package faults

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/internal/testenv"
)

// TestStaleMark: a task whose stack still has what an engine that was killed wrote there, and whose stack pointer happens to be the one in
// it, is taken for one that has to be let run to its own registers. What it does meanwhile is in the image.
func TestStaleMark(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	v := &victim{Workload: testenv.Bare(t, "deep"), t: t, images: t.TempDir()}
	low, sp := v.mainStack(), v.sleepingAt()
	require.Less(t, sp-low, uint64(32<<10))
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", v.PID), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer mem.Close()
	mark := binary.LittleEndian.AppendUint64([]byte("the frame above is woodfrog's, stack pointer:"), sp)
	_, err = mem.WriteAt(mark, int64(low+28<<10))
	require.NoError(t, err)
	for range 5 {
		v.freeze()
		require.NoError(t, v.restore(t.Context(), ""))
	}
	v.Check()
}

func (v *victim) maps() []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", v.PID))
	require.NoError(v.t, err)
	return strings.Split(string(text), "\n")
}

func (v *victim) mainStack() uint64 {
	for _, line := range v.maps() {
		if start, _, ok := strings.Cut(line, "-"); ok && strings.HasSuffix(line, "[stack]") {
			low, err := strconv.ParseUint(start, 16, 64)
			require.NoError(v.t, err)
			return low
		}
	}
	require.Fail(v.t, "no stack")
	return 0
}

// sleepingAt is the stack pointer with which the task sleeps.
func (v *victim) sleepingAt() (sp uint64) {
	require.Eventually(v.t, func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", v.PID))
		words := strings.Fields(string(text)) // number, six arguments, stack pointer, program counter
		if len(words) != 9 || words[0] != "35" {
			return false
		}
		var err error
		sp, err = strconv.ParseUint(strings.TrimPrefix(words[7], "0x"), 16, 64)
		return err == nil
	}, 30*time.Second, time.Millisecond)
	return sp
}
