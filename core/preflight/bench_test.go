package preflight

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// Every dump pays for its preflight.
func BenchmarkDump(b *testing.B) {
	testenv.Root(b)
	testenv.Subreaper(b)
	for _, args := range [][]string{{"sleep"}, {"tree", "200", "1"}, {"threads", "500"}, {"files", "1000", "200"}} {
		b.Run(args[0], func(b *testing.B) {
			o := options(b, testenv.Bare(b, args...).PID)
			before := processorTime(b)
			for b.Loop() {
				require.NoError(b, Dump(context.Background(), o))
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// processorTime is what this process has used: unlike the time that passes it does not depend on what else runs.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
