package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"woodfrog/test/workload"
)

// A single is a quantity that is no whole dump and restore.
type single struct {
	Name    string             `json:"name"`
	unit    float64            // what the table's unit is of the figures'
	Native  *figure            `json:"native,omitempty"` // without any engine
	Engines map[string]*figure `json:"engines"`
}

// A singleCase is how to measure one.
type singleCase struct {
	name    string
	measure func(bench, context.Context, []engine, int) (single, error)
}

var singleCases = []singleCase{{"probe", bench.probe}, {"trampolines", bench.proxied}}

// caches are where engines keep what they know of the kernel.
var caches = []string{"/run/woodfrog.kdat", "/run/criu.kdat"}

// probe measures the start of an engine that knows nothing of the kernel yet, nanoseconds: the whole process. CRIU asks the kernel for
// everything whatever it is told to do; for woodfrog it is the command that does.
func (b bench) probe(ctx context.Context, engines []engine, runs int) (single, error) {
	ask := map[string][]string{"woodfrog": {"check"}, "criu": {"check", "--feature", "mnt_id"}}
	s := single{Name: "probe of the kernel, nothing cached, ms", unit: 1e6, Engines: map[string]*figure{}}
	values := map[string][]int64{}
	for range runs {
		for _, e := range engines {
			for _, file := range caches {
				if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
					return s, err
				}
			}
			p, err := b.phase(ctx, countNothing, nil, e, ask[e.name]...)
			if err != nil {
				return s, fmt.Errorf("%s: %w", e.name, err)
			}
			values[e.name] = append(values[e.name], p.elapsed.Nanoseconds())
		}
	}
	for name, v := range values {
		f := sum(v)
		s.Engines[name] = &f
	}
	return s, nil
}

// proxied measures a call of clock_gettime, picoseconds: by the kernel's vDSO, and by that of a task that an engine has restored with
// trampolines in it.
func (b bench) proxied(ctx context.Context, engines []engine, runs int) (single, error) {
	s := single{Name: "clock_gettime by way of a trampoline, ns", unit: 1e3, Engines: map[string]*figure{}}
	const trampolines = "CRIU_FAULT"
	if err := os.Setenv(trampolines, "127"); err != nil {
		return s, err
	}
	defer os.Unsetenv(trampolines)
	c := benchCase{Name: "pace", args: []string{"pace"}}
	values := map[string][]int64{}
	for range runs {
		for _, e := range append(slices.Clip(engines), engine{}) {
			ps, err := b.pace(ctx, c, e)
			if err != nil {
				return s, fmt.Errorf("%s: %w", e.name, err)
			}
			values[e.name] = append(values[e.name], ps)
		}
	}
	for name, v := range values {
		f := sum(v)
		if name == "" {
			s.Native = &f
		} else {
			s.Engines[name] = &f
		}
	}
	return s, nil
}

// pace returns what the program of that name says, after a turn of e if there is one.
func (b bench) pace(ctx context.Context, c benchCase, e engine) (ps int64, err error) {
	_, err = b.turnAnd(ctx, c, e, countNothing, func(p *workload.Process) error {
		text, err := p.Said()
		if err != nil {
			return err
		}
		lines := strings.Fields(text)
		if len(lines) < 2 {
			return fmt.Errorf("pace: %q", text)
		}
		ps, err = strconv.ParseInt(lines[len(lines)-2], 10, 64)
		return err
	})
	return ps, err
}

func sum(values []int64) figure {
	turns := make([]turn, len(values))
	for i, v := range values {
		turns[i].imageBytes = v
	}
	return figureOf(turns, func(t turn) int64 { return t.imageBytes })
}

// rowsOfSingles is their table, its heading first.
func (r *report) rowsOfSingles() [][]string {
	rows := [][]string{append(append([]string{""}, r.Engines...), "ratio", "without")}
	for _, s := range r.Singles {
		row := []string{s.Name}
		cell := func(f *figure) string {
			if f == nil {
				return "-"
			}
			return fmt.Sprintf("%.1f", float64(f.Median)/s.unit)
		}
		for _, name := range r.Engines {
			row = append(row, cell(s.Engines[name]))
		}
		if len(r.Engines) == 2 {
			row = append(row, ratio(s.Engines[r.Engines[0]], s.Engines[r.Engines[1]]))
		} else {
			row = append(row, "-")
		}
		rows = append(rows, append(row, cell(s.Native)))
	}
	return rows
}
