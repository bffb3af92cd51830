package programs

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// TestMixedTrees: tasks of one ABI are children of those of the other. A link of the chain that comes to life with registers or structures of the
// wrong ABI does not live long.
func TestMixedTrees(t *testing.T) {
	own, other := testenv.BarePath(t)
	if other == "" {
		return
	}
	program := map[string]string{"o": own, "x": other}
	for _, chain := range []string{"ox", "xo", "oxxox", "xxo"} {
		t.Run(chain, func(t *testing.T) {
			prepare(t)
			args := []string{"chain"}
			for i, link := range strings.Split(chain, "")[1:] {
				args = append(args, program[link], "chain")
				if i == len(chain)-2 {
					args[len(args)-1] = "clock"
				}
			}
			w := testenv.Program(t, program[chain[:1]], args...)
			tasks := w.Tasks()
			require.Len(t, tasks, len(chain))
			for _, fault := range []string{"", "vdso:no-map", "vdso:trampolines", "vdso:trampolines,no-map", ""} {
				images := t.TempDir()
				_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: images})
				require.NoError(t, err)
				w.Gone()
				_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true, Fault: fault})
				require.NoError(t, err, fault)
				require.Equal(t, tasks, w.Tasks())
			}
			w.Check()
		})
	}
}

// TestLocalSegments: a program with a local descriptor table is refused, and goes on.
func TestLocalSegments(t *testing.T) {
	if runtime.GOARCH != "amd64" { // no other processor has one
		return
	}
	testenv.Each(t, func(t *testing.T) {
		prepare(t)
		w := testenv.Bare(t, "ldt")
		w.Untouched(func() {
			_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: t.TempDir()})
			require.ErrorContains(t, err, "local descriptor table")
		})
		w.Check()
	})
}
