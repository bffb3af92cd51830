package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A table has a row for each machine and a column for each check.
type table []*result

func (t table) ok() bool {
	return len(t) > 0 && !slices.ContainsFunc(t, func(r *result) bool { return r.failed() })
}

func (t table) print(w io.Writer) {
	var names []string
	for _, r := range t {
		for _, o := range r.checks {
			if !slices.Contains(names, o.name) {
				names = append(names, o.name)
			}
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "machine\tkernel\tseconds")
	for _, n := range names {
		fmt.Fprintf(tw, "\t%s", n)
	}
	fmt.Fprintln(tw)
	for _, r := range t {
		fmt.Fprintf(tw, "%s\t%s\t%d", r.machine.name(), r.release, r.took/time.Second)
		for _, n := range names {
			fmt.Fprintf(tw, "\t%s", r.cell(n))
		}
		if r.err != nil {
			fmt.Fprintf(tw, "\t%v", r.err)
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	for _, r := range t {
		for _, o := range r.checks {
			if o.failure+o.skipped != "" {
				fmt.Fprintf(w, "%s: %s: %s\n", r.machine.name(), o.name, o.failure+o.skipped)
			}
		}
	}
}

func (r *result) cell(name string) string {
	for _, o := range r.checks {
		switch {
		case o.name != name:
		case o.failure != "":
			return "FAIL"
		case o.skipped != "":
			return "skip"
		default:
			return "ok"
		}
	}
	return "-"
}
