// The program is over before the CPU quota of its cgroup changes: the runtime need not follow that.

//go:debug updatemaxprocs=0

// Command woodfrog freezes a tree of Linux processes into image files and thaws it again. This package is the command
// line only: options, exit status, log file and messages; what is done is done by core. Options are named as CRIU's and
// behave as its manual says, and a link named criu makes the program answer as CRIU where it matters to its callers.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

const (
	// version is that of this program.
	version = "0.1.0"
	// criuLevel is the version of CRIU whose command line and images these are.
	criuLevel = "4.2"
)

// Exit statuses. CRIU knows no third one, and its tests take one for a crash (test/others/config-file/run.sh).
const (
	exitOK      = 0
	exitFailure = 1
)

// gcPercent has no garbage collected before there are 16 MiB: a collection takes a tenth of the time that a tree of hundreds of tasks or
// threads takes, and leaves little.
const gcPercent = 400

// streams are the standard streams that a command may write to.
type streams struct {
	out, err io.Writer
}

func main() {
	calmMonitor()
	debug.SetGCPercent(gcPercent)
	os.Exit(run(os.Args, streams{out: descriptor(unix.Stdout), err: descriptor(unix.Stderr)}))
}

func run(args []string, std streams) int {
	line, err := parse(args[1:], os.Getenv)
	if err != nil {
		return usageError(line, err, std)
	}
	switch s := line.settings; {
	case s.help:
		help(std.out, line.command)
		return exitOK
	case s.version || line.command == cmdVersion:
		printVersion(std.out, filepath.Base(args[0]) == "criu")
		return exitOK
	}
	return line.command.run(&line.settings, std)
}

// usageError says what is wrong with the command line: on stderr, and in the log file if one is named, since callers open
// it whatever happens.
func usageError(line commandLine, err error, std streams) int {
	if s := &line.settings; s.logFile != "" {
		s.fillIn()
		if sink, lerr := openLog(s, std); lerr == nil {
			slog.New(newLogLine(sink, s.verbosity)).Error(err.Error())
			_ = sink.close() // the error is told below
		}
	}
	fmt.Fprintf(std.err, "woodfrog: %v\n", err)
	fmt.Fprintln(std.err, "hint: woodfrog --help lists commands and options")
	return exitFailure
}

// printVersion writes what LXC looks for ("Version: 4.2") when asked as criu. There is no GitID line: with one, callers
// count the version one up.
func printVersion(w io.Writer, asCRIU bool) {
	if asCRIU {
		fmt.Fprintf(w, "Version: %s\n", criuLevel)
		return
	}
	fmt.Fprintf(w, "woodfrog %s (CRIU level %s)\n", version, criuLevel)
}
