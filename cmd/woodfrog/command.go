package main

import (
	"fmt"
	"strings"
)

// command is one verb of the command line. The values are bits, so that an option can name the commands it matters to.
type command uint16

const (
	cmdDump command = 1 << iota
	cmdRestore
	cmdCheck
	cmdShow
	cmdPlan
	cmdVersion
	cmdPreDump
	cmdPageServer
	cmdLazyPages
	cmdService
	cmdSwrk
	cmdDedup
	cmdCPUInfo
	cmdExec

	cmdNone      command = 0
	cmdBoth              = cmdDump | cmdRestore
	cmdServed            = cmdDump | cmdRestore | cmdCheck | cmdShow | cmdPlan | cmdVersion | cmdCPUInfo
	cmdOperands          = cmdRestore | cmdShow | cmdPlan | cmdCPUInfo
	cmdProcessor         = cmdBoth | cmdCPUInfo
)

var commandNames = []struct {
	name string
	cmd  command
	help string
}{
	{"dump", cmdDump, "write a tree of processes into image files"},
	{"restore", cmdRestore, "bring a tree back from image files"},
	{"check", cmdCheck, "say what this kernel can do"},
	{"show", cmdShow, "print what image files hold: show [DIR]"},
	{"plan", cmdPlan, "print what a restore would do: plan [DIR]"},
	{"cpuinfo", cmdCPUInfo, "cpuinfo dump: write what the processor can do into an image file; cpuinfo check: compare"},
	{"version", cmdVersion, "print the version"},
	{"pre-dump", cmdPreDump, ""},
	{"page-server", cmdPageServer, ""},
	{"lazy-pages", cmdLazyPages, ""},
	{"service", cmdService, ""},
	{"swrk", cmdSwrk, ""},
	{"dedup", cmdDedup, ""},
	{"exec", cmdExec, ""},
}

func (c command) String() string {
	for _, n := range commandNames {
		if n.cmd == c {
			return n.name
		}
	}
	return fmt.Sprintf("command %#x", uint16(c))
}

// commandNamed finds a command by its name.
func commandNamed(name string) (command, error) {
	names := make([]string, 0, len(commandNames))
	for _, n := range commandNames {
		if n.name == name {
			if n.cmd&cmdServed == 0 {
				return cmdNone, fmt.Errorf("%s: this command of CRIU is not served yet", name)
			}
			return n.cmd, nil
		}
		if n.cmd&cmdServed != 0 {
			names = append(names, n.name)
		}
	}
	return cmdNone, fmt.Errorf("%s: unknown command%s", name, didYouMean(name, names))
}

// run does what the command line asks and returns the exit status.
func (c command) run(s *settings, std streams) int {
	switch c {
	case cmdDump:
		return dump(s, std)
	case cmdRestore:
		return restore(s, std)
	case cmdCheck:
		return check(s, std)
	case cmdShow:
		return show(s, std)
	case cmdCPUInfo:
		return cpuinfo(s, std)
	default:
		return plan(s, std)
	}
}

// didYouMean names the nearest of the candidates, if one is near.
func didYouMean(word string, candidates []string) string {
	best, at := "", 1+len(word)/4
	for _, c := range candidates {
		if d := distance(word, c); d <= at && (best == "" || d < at) {
			best, at = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// commandList joins the names of the commands in set.
func commandList(set command) string {
	var names []string
	for _, n := range commandNames {
		if n.cmd&set != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}
