package image

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/sys/unix"
)

// ShowOptions say how Show prints.
type ShowOptions struct {
	JSON bool
	Load LoadOptions
}

// Show prints the process tree of the images in d, and each task's areas and files.
func Show(w io.Writer, d *Dir, opt ShowOptions) error {
	s, err := Load(d, opt.Load)
	if err != nil {
		return err
	}
	sum := Summarize(s)
	if opt.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(sum)
	}
	b := bufio.NewWriter(w)
	sum.print(b)
	return b.Flush()
}

// print writes the summary as text. Names come from the images and could hold anything: none reaches a terminal raw.
func (sum *Summary) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "PID\tPPID\tPGID\tSID\tSTATE\tTHREADS\tCOMMAND")
	for i := range sum.Tasks {
		t := &sum.Tasks[i]
		fmt.Fprintf(tw, "%d\t%d\t%d\t%d\t%s\t%d\t%s%s\n", t.Pid, t.Ppid, t.Pgid, t.Sid, t.State, len(t.Threads),
			strings.Repeat("  ", t.Depth), printable(t.Comm))
	}
	tw.Flush()
	for i := range sum.Tasks {
		sum.Tasks[i].print(w)
	}
	tasks := "tasks"
	if len(sum.Tasks) == 1 {
		tasks = "task"
	}
	fmt.Fprintf(w, "\n%d %s, %s of pages\n", len(sum.Tasks), tasks, bytesText(sum.Pages))
}

func (t *TaskSummary) print(w io.Writer) {
	fmt.Fprintf(w, "\ntask %d %s", t.Pid, printable(t.Comm))
	if t.Exe == "" {
		fmt.Fprintf(w, ": %s, %s\n", t.State, exitText(unix.WaitStatus(t.Exit)))
		return
	}
	fmt.Fprintf(w, "\n  exe %s, %s\n  cwd %s, root %s\n", printable(t.Exe), t.Arch, printable(t.Cwd), printable(t.Root))
	if len(t.Threads) > 1 {
		fmt.Fprintf(w, "  threads %s\n", strings.Trim(fmt.Sprint(t.Threads[1:]), "[]"))
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "  AREA\tPROT\tSTORED\tWHAT")
	for _, a := range t.Areas {
		fmt.Fprintf(tw, "  %012x-%012x\t%s\t%s\t%s\n", uint64(a.Start), uint64(a.End), a.Prot, bytesText(a.Stored),
			withFlags(printable(a.What), a.Flags))
	}
	tw.Flush()
	fmt.Fprintln(tw, "  FD\tTYPE\tPOS\tWHAT")
	for _, f := range t.Files {
		pos := "-"
		if f.Pos != nil {
			pos = strconv.FormatUint(*f.Pos, 10)
		}
		flags := f.Flags
		if f.Cloexec {
			flags = append(flags[:len(flags):len(flags)], "cloexec")
		}
		fmt.Fprintf(tw, "  %d\t%s\t%s\t%s\n", f.Fd, f.Type, pos, withFlags(printable(f.What), flags))
	}
	tw.Flush()
}

func exitText(s unix.WaitStatus) string {
	if s.Signaled() {
		return "killed by signal " + strconv.Itoa(int(s.Signal()))
	}
	return "exit code " + strconv.Itoa(s.ExitStatus())
}

// withFlags is what a thing is, with its flags in parentheses.
func withFlags(what string, flags []string) string {
	if len(flags) == 0 {
		return what
	}
	return strings.TrimLeft(what+" ("+strings.Join(flags, ", ")+")", " ")
}

// printable escapes what a terminal could take for a command.
func printable(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// bytesText is a size as people read it. Pages make it a multiple of 4 KiB nearly always.
func bytesText(n uint64) string {
	switch {
	case n == 0:
		return "-"
	case n >= 10<<20:
		return strconv.FormatUint(n>>20, 10) + " MiB"
	}
	return strconv.FormatUint((n+1023)>>10, 10) + " KiB"
}
