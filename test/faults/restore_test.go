package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/internal/testenv"
)

// TestRestoreFails: whatever goes wrong in a restore, nothing is left, and the images are as good as before.
func TestRestoreFails(t *testing.T) { testenv.Each(t, testRestoreFails) }

func testRestoreFails(t *testing.T) {
	for _, c := range victims {
		t.Run(c.name, func(t *testing.T) {
			v := start(t, c.args)
			v.freeze()
			for _, stage := range stages(t, v.restore(t.Context(), "stage:none")) {
				require.Equal(t, "stage "+stage+": fault injected", v.failedRestore("stage:"+stage))
			}
			for i, kind := range []string{"op", "crash", "call"} {
				places := v.everyPlace(kind, i, v.failedRestore)
				require.NotZero(t, places, kind)
			}
			v.thaw()
		})
	}
}

// failedRestore returns the error of a restore with a fault; none if the fault did not come to pass.
func (v *victim) failedRestore(fault string) string {
	v.t.Helper()
	if err := v.restore(v.t.Context(), fault); err != nil {
		require.Empty(v.t, v.Tasks(), "%s: %v", fault, err)
		return err.Error()
	}
	v.freeze()
	return ""
}
