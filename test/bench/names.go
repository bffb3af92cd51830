package main

import (
	"context"
	"fmt"
	"strconv"
)

// byNames are the system calls that are counted by name: those that dumps and restores make most of.
var byNames = []string{
	"arch_prctl", "clone3", "close", "close_range", "dup2", "dup3", "exit", "fcntl", "futex", "getpid", "ioctl", "kcmp", "kill", "lseek", "madvise",
	"mmap", "mprotect", "mremap", "munmap", "nanosleep", "newfstatat", "open", "openat", "pipe2", "prctl", "pread64", "preadv", "prlimit64",
	"process_vm_readv", "process_vm_writev", "ptrace", "pwrite64", "pwritev", "read", "readlinkat", "recvmsg", "rt_sigaction", "rt_sigprocmask",
	"sendmsg", "splice", "unlinkat", "wait4", "write", "writev",
}

type namedCall struct {
	name       string
	tracepoint uint64
}

// calls are how many were counted; named in the counter's order.
type calls struct {
	all   int64
	named []int64
}

// least is how often one of the engines must make a call for it to have a row.
const least = 20

// byName is how often each engine made the named calls in a case: medians.
type byName struct {
	Case    string             `json:"case"`
	Names   []string           `json:"names"`
	Dump    map[string][]int64 `json:"dump"`
	Restore map[string][]int64 `json:"restore"`
}

// callsByName counts for one case; the first turn of each engine is not kept.
func (b bench) callsByName(ctx context.Context, c benchCase, engines []engine) (byName, error) {
	n := byName{Case: c.Name, Dump: map[string][]int64{}, Restore: map[string][]int64{}}
	release, err := b.calls.hold()
	if err != nil {
		return n, err
	}
	defer release()
	n.Names = []string{"all"}
	for _, named := range b.calls.named {
		n.Names = append(n.Names, named.name)
	}
	for _, e := range engines {
		var turns []turn
		for i := range countRuns + 1 {
			t, err := b.turnAnd(ctx, c, e, countNames, nil)
			if err != nil {
				return n, fmt.Errorf("%s: %s: %w", c.Name, e.name, err)
			}
			if i > 0 {
				turns = append(turns, t)
			}
		}
		for i := range n.Names {
			n.Dump[e.name] = append(n.Dump[e.name], figureOf(turns, func(t turn) int64 { return t.dump.number(i) }).Median)
			n.Restore[e.name] = append(n.Restore[e.name], figureOf(turns, func(t turn) int64 { return t.restore.number(i) }).Median)
		}
	}
	return n, nil
}

// number is the i-th of the calls that byName has.
func (p phase) number(i int) int64 {
	if i == 0 {
		return p.calls
	}
	return p.named[i-1]
}

// rowsByName is the table of calls by name, its heading first.
func (r *report) rowsByName() [][]string {
	if len(r.ByName) == 0 {
		return nil
	}
	head := []string{"system call"}
	var columns [][]int64
	for _, c := range r.ByName {
		for _, phase := range []struct {
			name   string
			counts map[string][]int64
		}{{"dump", c.Dump}, {"restore", c.Restore}} {
			for _, e := range r.Engines {
				head = append(head, fmt.Sprintf("%s %s, %s", phase.name, c.Case, e))
				columns = append(columns, phase.counts[e])
			}
		}
	}
	rows := [][]string{head}
	for i, name := range r.ByName[0].Names {
		row, most := []string{name}, int64(0)
		for _, counts := range columns {
			if i >= len(counts) {
				row = append(row, "-")
				continue
			}
			most = max(most, counts[i])
			row = append(row, strconv.FormatInt(counts[i], 10))
		}
		if most >= least {
			rows = append(rows, row)
		}
	}
	return rows
}
