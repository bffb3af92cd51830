package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogLines(t *testing.T) {
	const source = `log_test\.go:[0-9]+`
	for _, c := range []struct {
		verbosity int
		want      string
	}{
		{logNothing, ``},
		{logErrors, `Error \(` + source + `\): gone tid=7
`},
		{logWarnings, `Error \(` + source + `\): gone tid=7
Warn  \(` + source + `\): odd err="no space"
`},
		{logInfo, `\(00\.0[0-9]{5}\) Error \(` + source + `\): gone tid=7
\(00\.0[0-9]{5}\) Warn  \(` + source + `\): odd err="no space"
\(00\.0[0-9]{5}\) frozen pid=12 vma\.start=0x7f vma\.end=x
`},
	} {
		var out bytes.Buffer
		log := slog.New(newLogLine(&logSink{w: &out, start: time.Now()}, c.verbosity))
		log.Error("gone", "tid", 7)
		log.Warn("odd", "err", "no space")
		log.With("pid", 12).WithGroup("vma").Info("frozen", "start", "0x7f", slog.Group("", slog.String("end", "x")))
		log.Debug("detail")
		require.Regexp(t, regexp.MustCompile(`\A`+c.want), out.String())
		require.Equal(t, c.want == "", out.Len() == 0)
		require.NotContains(t, out.String(), "detail")
	}
	require.True(t, newLogLine(nil, 9).Enabled(context.Background(), slog.LevelDebug))
}

func TestLogTimeAfterAMinute(t *testing.T) {
	var out bytes.Buffer
	h := newLogLine(&logSink{w: &out, start: time.Unix(1000, 0)}, logDebug)
	r := slog.NewRecord(time.Unix(1123, 45678000), slog.LevelInfo, "late", 0)
	require.NoError(t, h.Handle(context.Background(), r))
	require.Equal(t, "(123.045678) late\n", out.String())
}

// TestLogFileIsBufferedUntilAnError counts on what a killed engine would leave.
func TestLogFileIsBufferedUntilAnError(t *testing.T) {
	s := defaults()
	s.core.WorkDir, s.logFile, s.verbosity = t.TempDir(), "l", logDebug
	sink, err := openLog(&s, streams{})
	require.NoError(t, err)
	read := func() string {
		b, err := os.ReadFile(filepath.Join(s.core.WorkDir, "l"))
		require.NoError(t, err)
		return string(b)
	}
	log := slog.New(newLogLine(sink, s.verbosity))
	log.Debug("one")
	require.Empty(t, read())
	log.Error("two")
	require.Regexp(t, `(?s)one.*Error \(.*two`, read())
	log.Debug("three")
	require.NoError(t, sink.close())
	require.Contains(t, read(), "three")
}
