package preflight

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// Files that the engine of a restore could not hold are an obstacle where the tree would be lost. Descriptors of one file are one.
func TestCapacity(t *testing.T) {
	testenv.Root(t)
	const many = 300
	for _, c := range []struct {
		role    string
		mayHave uint64
		refused bool
	}{
		{"many files", 2 * many, true}, {"many files", 3 * many, false}, {"one file often", 2 * many, false}, {"one file often", many, true},
	} {
		t.Run(fmt.Sprintf("%s, %d", c.role, c.mayHave), func(t *testing.T) {
			pid := start(t, c.role, nil)
			o := options(t, pid)
			o.Ends = true
			s := &scan{DumpOptions: o, self: linux.Pid(), mayHave: func() uint64 { return c.mayHave }, maxFiles: c.mayHave}
			s.open = func(pid int) (*procfs.Task, error) { return procfs.Open(procfs.Root, pid) }
			require.NoError(t, s.walk(t.Context()))
			defer s.close()
			if !c.refused {
				require.Empty(t, s.found)
				return
			}
			require.Len(t, s.found, 1)
			require.Regexp(t, fmt.Sprintf(`^may have %d descriptors, and a restore takes \d+ at least: one for each of \d+ open files and of \d+ that are mapped or `+
				`the like, above the highest number of the tree, \d+ \(process %d\)$`, c.mayHave, pid), s.found[0].Cause)
			require.Regexp(t, `\(ulimit -Hn \d+\)`, s.found[0].Remedy)
			s.found, s.Ends = nil, false
			s.capacity()
			require.Empty(t, s.found, "it runs on")
		})
	}
}
