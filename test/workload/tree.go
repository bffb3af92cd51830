package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree lists pid and all processes below it, parents first.
func Tree(pid int) []int {
	pids := []int{pid}
	for _, child := range Children(pid) {
		pids = append(pids, Tree(child)...)
	}
	return pids
}

// Children lists the children of all threads of pid.
func Children(pid int) (pids []int) {
	for _, tid := range Threads(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, tid))
		for field := range strings.FieldsSeq(string(text)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
	}
	return pids
}

// Threads lists the threads of pid; none if it is gone.
func Threads(pid int) (tids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
	for _, dir := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(dir))
		tids = append(tids, tid)
	}
	return tids
}

// KillBelow kills every process below this one: for a subreaper that is whatever an engine left.
func KillBelow() {
	for _, pid := range Tree(os.Getpid())[1:] {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}
