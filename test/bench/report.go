package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A report is what is written as JSON.
type report struct {
	Kernel  string       `json:"kernel"`
	Arch    string       `json:"arch"`
	CPUs    int          `json:"cpus"`
	Time    time.Time    `json:"time"`
	Engines []string     `json:"engines"`
	Cases   []caseResult `json:"cases"`
	Singles []single     `json:"singles,omitempty"`
	ByName  []byName     `json:"calls_by_name,omitempty"`
}

type caseResult struct {
	Name    string                   `json:"name"`
	Engines map[string]*engineResult `json:"engines"`
}

type engineResult struct {
	Error   string `json:"error,omitempty"`
	Dump    figure `json:"dump_us"`
	Restore figure `json:"restore_us"`
	Frozen  figure `json:"frozen_us"`
	// System calls are null where they could not be counted.
	DumpCalls      *figure `json:"dump_syscalls"`
	RestoreCalls   *figure `json:"restore_syscalls"`
	DumpMemory     figure  `json:"dump_maxrss_kib"`
	RestoreMemory  figure  `json:"restore_maxrss_kib"`
	ImageBytes     figure  `json:"image_bytes"`
	timed, counted []turn
}

// A figure sums up one quantity over all turns.
type figure struct {
	N      int   `json:"n"`
	Min    int64 `json:"min"`
	Median int64 `json:"median"`
	Max    int64 `json:"max"`
}

func figureOf(turns []turn, quantity func(turn) int64) (f figure) {
	values := make([]int64, len(turns))
	for i, t := range turns {
		values[i] = quantity(t)
	}
	if f.N = len(values); f.N == 0 {
		return f
	}
	slices.Sort(values)
	f.Min, f.Median, f.Max = values[0], (values[(f.N-1)/2]+values[f.N/2])/2, values[f.N-1]
	return f
}

func (r *engineResult) summarise() {
	r.Dump = figureOf(r.timed, func(t turn) int64 { return t.dump.elapsed.Microseconds() })
	r.Restore = figureOf(r.timed, func(t turn) int64 { return t.restore.elapsed.Microseconds() })
	r.Frozen = figureOf(r.timed, func(t turn) int64 { return t.frozen.Microseconds() })
	r.DumpMemory = figureOf(r.timed, func(t turn) int64 { return t.dump.maxRSS })
	r.RestoreMemory = figureOf(r.timed, func(t turn) int64 { return t.restore.maxRSS })
	r.ImageBytes = figureOf(r.timed, func(t turn) int64 { return t.imageBytes })
	if len(r.counted) > 0 {
		dump := figureOf(r.counted, func(t turn) int64 { return t.dump.calls })
		restore := figureOf(r.counted, func(t turn) int64 { return t.restore.calls })
		r.DumpCalls, r.RestoreCalls = &dump, &restore
	}
}

func newReport(engines []engine) *report {
	r := &report{Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Time: time.Now().UTC().Truncate(time.Second)}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		r.Kernel, _, _ = strings.Cut(unix.ByteSliceToString(u.Release[:]), "-") // what follows is who built it
	}
	for _, e := range engines {
		r.Engines = append(r.Engines, e.name)
	}
	return r
}

func (r *report) add(c caseResult) {
	r.Cases = append(r.Cases, c)
	fmt.Fprintf(os.Stderr, "measured: %s\n", c.Name)
}

// publish prints the table, writes the files that were asked for, and fails if an engine failed at a case.
func (r *report) publish(s settings) error {
	tables := [][][]string{r.rows(), r.rowsOfSingles(), r.rowsByName()}
	for _, rows := range tables {
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, row := range rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if s.json != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.json, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	if s.figures != "" {
		if err := insert(s.figures, r.markdown(tables)); err != nil {
			return err
		}
	}
	for _, c := range r.Cases {
		for name, e := range c.Engines {
			if e.Error != "" && name == r.Engines[0] {
				return fmt.Errorf("%s: %s: %s", c.Name, name, e.Error)
			}
		}
	}
	return nil
}
