package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/core"
)

// Log levels of -v, as CRIU counts them.
const (
	logNothing = iota
	logErrors
	logWarnings
	logInfo
	logDebug
)

// settings are what the options of one command line come to.
type settings struct {
	core     core.Options
	operands []string // words after the command
	notes    []string // warnings about options, for the log

	tree         int
	timeout      time.Duration // of the whole operation; 0: none
	pidFile      string
	logFile      string
	verbosity    int
	displayStats bool
	execCommand  bool

	feature      string // check
	extra        bool
	experimental bool
	json         bool // show

	help, version bool
}

func defaults() settings {
	return settings{
		core:      core.Options{CPUCap: core.CPUCapDefault, Fault: faultFromEnv()},
		verbosity: logWarnings,
	}
}

// faultFromEnv reads the variables that tests set: ours, and CRIU's with its numbers.
func faultFromEnv() string {
	if f, ok := os.LookupEnv("WOODFROG_FAULT"); ok {
		return f
	}
	if n := os.Getenv("CRIU_FAULT"); n != "" {
		return "criu:" + n
	}
	return ""
}

// fillIn sets what follows from other options.
func (s *settings) fillIn() {
	if s.core.ImagesDir == "" {
		s.core.ImagesDir = "."
	}
	if s.core.WorkDir == "" {
		s.core.WorkDir = s.core.ImagesDir
	}
}

// validate checks what no single option can know.
func (s *settings) validate(c command) error {
	switch o := &s.core; {
	case c == cmdDump && s.tree == 0:
		return errors.New("dump: which process? --tree PID is missing")
	case c == cmdDump && o.LeaveRunning && o.LeaveStopped:
		return errors.New("dump: --leave-running and --leave-stopped exclude each other")
	case c == cmdRestore && o.RestoreSibling && !o.RestoreDetached:
		return errors.New("restore: --restore-sibling needs --restore-detached: only a child can be waited for")
	case c == cmdRestore && s.execCommand && o.RestoreDetached:
		return errors.New("restore: --exec-cmd and --restore-detached exclude each other")
	case c == cmdRestore && s.execCommand && len(s.operands) == 0:
		return errors.New("restore: --exec-cmd: which command? It comes after --")
	case c == cmdRestore && !s.execCommand && len(s.operands) > 0:
		return fmt.Errorf("restore: excess argument %q", s.operands[0])
	case c == cmdCPUInfo && (len(s.operands) == 0 || s.operands[0] != "dump" && s.operands[0] != "check"):
		return errors.New("cpuinfo: which? cpuinfo dump or cpuinfo check")
	case c != cmdRestore && len(s.operands) > 1:
		return fmt.Errorf("%s: excess argument %q", c, s.operands[1])
	}
	return nil
}

// imagesDir is where show and plan look: their operand counts more than --images-dir.
func (s *settings) imagesDir() string {
	if len(s.operands) > 0 {
		return s.operands[0]
	}
	return s.core.ImagesDir
}

// findWorkDir refuses a work directory that is none: what goes there is written when the tree is gone, or runs.
func (s *settings) findWorkDir(c command) error {
	dir := s.core.WorkDir
	if c&cmdBoth == 0 || dir == "" || dir == s.core.ImagesDir {
		return nil
	}
	if err := unix.Access(dir+"/.", unix.W_OK|unix.X_OK); err != nil {
		return core.Obstacle{Thing: "work directory " + dir, Cause: err.Error(), Remedy: "choose another directory with --work-dir"}
	}
	return nil
}

// inWorkDir says where a log or PID file is.
func (s *settings) inWorkDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.core.WorkDir, path)
}

func setTree(s *settings, v value) (err error) {
	s.tree, err = positive(v.arg)
	return err
}

// positive reads a PID or a descriptor's number.
func positive(arg string) (int, error) {
	n, err := strconv.ParseInt(arg, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a positive number", arg)
	}
	return int(n), nil
}

// setVerbosity reads -v, -vvv, -v4 and --verbosity=4. zdtm.py writes -verbosity=4, which getopt takes for -v.
func setVerbosity(s *settings, v value) error {
	arg := strings.TrimPrefix(v.arg, "erbosity=")
	switch {
	case !v.given:
		s.verbosity++
	case strings.Trim(arg, "v") == "":
		s.verbosity += len(arg) + 1
	default:
		n, err := strconv.ParseUint(arg, 10, 8)
		if err != nil {
			return fmt.Errorf("level %q is not a number", arg)
		}
		s.verbosity = int(n)
	}
	return nil
}

func setTimeout(s *settings, v value) error {
	n, err := strconv.ParseUint(v.arg, 10, 32)
	if err != nil {
		return fmt.Errorf("%q is not a number of seconds", v.arg)
	}
	s.timeout = time.Duration(n) * time.Second
	return nil
}

// setCPUCap reads a list such as cpu,^fpu. A capability is added to those that are on already.
func setCPUCap(s *settings, v value) error {
	caps := &s.core.CPUCap
	if !v.given {
		*caps |= core.CPUCapAll | core.CPUCapImage
		return nil
	}
	for word := range strings.SplitSeq(v.arg, ",") {
		name, not := strings.CutPrefix(word, "^")
		switch {
		case name == "none" && not:
			*caps = core.CPUCapAll
		case name == "none":
			*caps = core.CPUCapNone
		default:
			c, ok := map[string]core.CPUCap{
				"fpu": core.CPUCapFPU, "ins": core.CPUCapIns, "cpu": core.CPUCapCPU, "all": core.CPUCapAll,
			}[name]
			if !ok {
				return fmt.Errorf("%q is none of cpu, fpu, ins, all, none", word)
			}
			if not {
				*caps &^= c
			} else {
				*caps |= c
			}
		}
	}
	if *caps != core.CPUCapNone {
		*caps |= core.CPUCapImage
	}
	return nil
}

// checkSize checks a size with an optional K, M or G after it.
func checkSize(_ *settings, v value) error {
	digits, shift := v.arg, 0
	for i, unit := range []string{"K", "M", "G"} {
		if d, ok := strings.CutSuffix(v.arg, unit); ok {
			digits, shift = d, 10*(i+1)
		}
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err != nil || n > math.MaxInt64>>shift {
		return fmt.Errorf("%q is not a size", v.arg)
	}
	return nil
}

func checkNumber(_ *settings, v value) error {
	_, err := positive(v.arg)
	return err
}

// oneOf checks that an argument is one of words.
func oneOf(arg string, words ...string) error {
	for _, w := range words {
		if arg == w {
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", arg, strings.Join(words, ", "))
}

// checkExternal checks TYPE[ID]:VALUE. A kind of resource that is not carried yet is refused where it occurs, external or
// not; an external file would be carried as if it were not, so it is refused here.
func checkExternal(_ *settings, v value) error {
	kind, _, ok := strings.Cut(v.arg, "[")
	if !ok || !strings.Contains(v.arg, "]") {
		return fmt.Errorf("%q is not of the form TYPE[ID]", v.arg)
	}
	if kind == "file" {
		return errors.New("external files are not served yet: the file would be carried as a part of the tree")
	}
	return oneOf(kind, "mnt", "dev", "file", "tty", "unix", "net", "pid", "veth", "macvlan", "netdev")
}

// checkPair checks that the argument has two parts with sep between.
func checkPair(arg, sep string) error {
	if a, b, ok := strings.Cut(arg, sep); !ok || a == "" || b == "" {
		return fmt.Errorf("%q is not of the form A%sB", arg, sep)
	}
	return nil
}
