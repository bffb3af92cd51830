package main

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core"
)

// againVar counts, in the environment, how often the program has executed itself.
const againVar = "WOODFROG_AGAIN"

// mostAgain bounds that: others start processes meanwhile, and numbers are given out in a circle.
const mostAgain = 8

// again executes the program once more, as the same process, if err is that numbers of the image are taken by threads of it, or for a moment.
// The new ones get numbers behind those. It returns if that is of no use.
func (se *session) again(err error) {
	var taken *core.TakenError
	n, _ := strconv.Atoi(os.Getenv(againVar))
	if !errors.As(err, &taken) || n >= mostAgain {
		return
	}
	// pid_namespaces(7): the next number is that plus one. Where it may not be written, another try may do. It never goes back, to numbers that
	// others may be about to restore.
	const lastPid = "/proc/sys/kernel/ns_last_pid"
	text, _ := os.ReadFile(lastPid)
	if last, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && last < taken.Last {
		_ = os.WriteFile(lastPid, []byte(strconv.Itoa(taken.Last)), 0)
	}
	_ = os.Setenv(againVar, strconv.Itoa(n+1))
	_ = unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// isAgain says whether this is the program executed once more.
func isAgain() bool { return os.Getenv(againVar) != "" }
