package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// logSink is where log lines go: a file, buffered, since a line is a system call; or stdout or stderr at once.
type logSink struct {
	mu    sync.Mutex
	w     io.Writer
	buf   *bufio.Writer // w, if buffered
	file  descriptor    // to be closed, if buffered
	start time.Time
}

// openLog opens what --log-file asks for.
func openLog(s *settings, std streams) (*logSink, error) {
	sink := &logSink{w: std.err, start: time.Now()}
	switch s.logFile {
	case "":
	case "-":
		sink.w = std.out
	default:
		// os.OpenFile starts the runtime's poller, at six system calls
		path := s.inWorkDir(s.logFile)
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("log file: %w", &fs.PathError{Op: "open", Path: path, Err: err})
		}
		sink.file = descriptor(fd)
		sink.buf = bufio.NewWriterSize(sink.file, 64<<10)
		sink.w = sink.buf
	}
	return sink, nil
}

func (l *logSink) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf == nil {
		return nil
	}
	return l.buf.Flush()
}

func (l *logSink) close() error {
	err := l.flush()
	if l.buf != nil {
		if cerr := unix.Close(int(l.file)); err == nil {
			err = cerr
		}
	}
	return err
}

// logLine is a slog.Handler that writes lines as CRIU's users and their tools expect: "Error (dump.go:12): ...",
// "Warn  (dump.go:12): ...", plain text for the rest, and from level 3 on "(00.001234) " before each. Attributes follow
// the message.
type logLine struct {
	sink   *logSink
	level  slog.Level
	stamps bool
	prefix string // of attribute names, for groups
	attrs  string
}

func newLogLine(sink *logSink, verbosity int) logLine {
	levels := [...]slog.Level{
		logNothing:  slog.LevelError + 1,
		logErrors:   slog.LevelError,
		logWarnings: slog.LevelWarn,
		logInfo:     slog.LevelInfo,
		logDebug:    slog.LevelDebug,
	}
	return logLine{sink: sink, level: levels[min(verbosity, logDebug)], stamps: verbosity >= logInfo}
}

func (h logLine) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h logLine) WithAttrs(attrs []slog.Attr) slog.Handler {
	line := []byte(h.attrs)
	for _, a := range attrs {
		line = appendAttr(line, h.prefix, a)
	}
	h.attrs = string(line)
	return h
}

func (h logLine) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

func (h logLine) Handle(_ context.Context, r slog.Record) error {
	line := make([]byte, 0, 160)
	if h.stamps {
		since := max(r.Time.Sub(h.sink.start), 0)
		line = fmt.Appendf(line, "(%02d.%06d) ", since/time.Second, since%time.Second/time.Microsecond)
	}
	switch {
	case r.Level >= slog.LevelError:
		line = appendSource(append(line, "Error ("...), r.PC)
	case r.Level >= slog.LevelWarn:
		line = appendSource(append(line, "Warn  ("...), r.PC)
	}
	line = append(append(line, r.Message...), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		line = appendAttr(line, h.prefix, a)
		return true
	})
	h.sink.mu.Lock()
	_, err := h.sink.w.Write(append(line, '\n'))
	h.sink.mu.Unlock()
	if r.Level >= slog.LevelError && err == nil {
		err = h.sink.flush()
	}
	return err
}

func appendSource(line []byte, pc uintptr) []byte {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return fmt.Appendf(line, "%s:%d): ", path.Base(frame.File), frame.Line)
}

func appendAttr(line []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, m := range v.Group() {
			line = appendAttr(line, prefix, m)
		}
		return line
	}
	if a.Equal(slog.Attr{}) {
		return line
	}
	line = append(append(append(line, ' '), prefix...), a.Key...)
	line = append(line, '=')
	text := v.String()
	if text == "" || strings.ContainsAny(text, " \t\n\"=") {
		return strconv.AppendQuote(line, text)
	}
	return append(line, text...)
}
