package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/linux"
)

// session is one command at work: its log, its messages, its context.
type session struct {
	*settings
	std     streams
	command command
	sink    *logSink
	log     *slog.Logger
	line    *progress

	terminal bool // stderr is one
}

// begin opens the log. Its error is printed.
func begin(c command, s *settings, std streams) (*session, bool) {
	se := &session{settings: s, std: std, command: c}
	if err := s.findWorkDir(c); err != nil {
		se.tell(err)
		return nil, false
	}
	sink, err := openLog(s, std)
	if err != nil {
		se.tell(err)
		return nil, false
	}
	se.sink, se.log = sink, slog.New(newLogLine(sink, s.verbosity))
	s.core.Log = se.log
	se.log.Info("woodfrog " + version + " (CRIU level " + criuLevel + ")")
	var u unix.Utsname
	if se.log.Enabled(context.Background(), slog.LevelInfo) && unix.Uname(&u) == nil {
		se.log.Info("Running on " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:]))
	}
	for _, n := range s.notes {
		se.log.Warn(n)
	}
	se.terminal = isTerminal(std.err)
	if se.terminal && (s.logFile != "" || s.verbosity <= logWarnings) {
		se.line = newProgress(std.err)
		s.core.Progress = se.line.update
	}
	return se, true
}

// context returns one that ends with the first SIGINT or SIGTERM, or SIGHUP if there is a terminal to hang up, that is not
// ignored, or when --timeout is over.
func (se *session) context() (context.Context, context.CancelFunc) {
	// each stop of a task would come with one, for the runtime to handle and forget
	_ = linux.DefaultAction(unix.SIGCHLD)
	ctx := interruptedBy(host.Backend().SignalNote, se.interrupts()...)
	if se.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, se.timeout, fmt.Errorf("not done in %v, the time that --timeout gives", se.timeout))
}

// interrupts are the signals that end an operation.
func (se *session) interrupts() []unix.Signal {
	if se.terminal {
		return []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}
	}
	return []unix.Signal{unix.SIGINT, unix.SIGTERM}
}

// end closes the log and turns err into an exit status. The error is in the log as lines that begin with Error, and on
// stderr for people. A log that could not be written is no failure of what was done: an image stands, a tree has ended or runs.
func (se *session) end(err error) int {
	se.line.clear()
	if err != nil {
		if se.logFile != "" {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				se.log.Error(line)
			}
		}
		se.tell(err)
	}
	if cerr := se.sink.close(); cerr != nil {
		se.tell(fmt.Errorf("warning: the log file is not complete: %w", cerr))
	}
	if err != nil {
		return exitFailure
	}
	return exitOK
}

// tell prints an error for people: a line for each obstacle, then what can be done, those for which that is the same together.
func (se *session) tell(err error) {
	if all, ok := err.(core.Obstacles); ok {
		for _, same := range all.ByRemedy() {
			se.tellOne(same)
		}
		return
	}
	se.tellOne(err)
}

func (se *session) tellOne(err error) {
	if se.verbosity == logNothing {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(se.std.err, "woodfrog: %s: %s\n", se.command, line)
	}
	var all core.Obstacles
	if !errors.As(err, &all) {
		var one core.Obstacle
		if errors.As(err, &one) {
			all = core.Obstacles{one}
		}
	}
	hints := all.Remedies()
	if hints == nil && errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		hints = []string{"woodfrog check says what this user lacks; images are for who made them"}
	}
	for _, h := range hints {
		fmt.Fprintf(se.std.err, "hint: %s\n", h)
	}
}

// because adds why ctx ended, a signal or the time-out, to an error that only says that it did. One that names a signal keeps it: of
// several, the engine may have heeded one and ctx now have another.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	var interrupted interruptError
	if err == nil || cause == nil || errors.Is(err, cause) || errors.As(err, &interrupted) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
