package main

import (
	"fmt"
	"os"
	"strings"
)

// columns are the quantities of the table: medians, in the unit that the heading names.
var columns = []struct {
	heading string
	of      func(*engineResult) *figure
	unit    float64
}{
	{"dump ms", func(r *engineResult) *figure { return &r.Dump }, 1000},
	{"restore ms", func(r *engineResult) *figure { return &r.Restore }, 1000},
	{"frozen ms", func(r *engineResult) *figure { return &r.Frozen }, 1000},
	{"dump calls", func(r *engineResult) *figure { return r.DumpCalls }, 1},
	{"restore calls", func(r *engineResult) *figure { return r.RestoreCalls }, 1},
	{"dump MiB", func(r *engineResult) *figure { return &r.DumpMemory }, 1024},
	{"restore MiB", func(r *engineResult) *figure { return &r.RestoreMemory }, 1024},
}

// rows are the table's lines, its heading first: for each case a line for each engine and, where there are two, one that
// says how many times the first engine's figure goes into the second's.
func (r *report) rows() [][]string {
	head := []string{"case", "engine"}
	for _, c := range columns {
		head = append(head, c.heading)
	}
	rows := [][]string{head}
	for _, c := range r.Cases {
		for _, name := range r.Engines {
			row := []string{c.Name, name}
			for _, col := range columns {
				row = append(row, cell(c.Engines[name], col.of, col.unit))
			}
			rows = append(rows, row)
		}
		if len(r.Engines) == 2 {
			row := []string{c.Name, "ratio"}
			for _, col := range columns {
				row = append(row, ratio(col.of(c.Engines[r.Engines[0]]), col.of(c.Engines[r.Engines[1]])))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func cell(r *engineResult, of func(*engineResult) *figure, unit float64) string {
	f := of(r)
	switch {
	case r.Error != "":
		return "failed"
	case f == nil || f.N == 0:
		return "-"
	case unit == 1:
		return fmt.Sprint(f.Median)
	}
	return fmt.Sprintf("%.1f", float64(f.Median)/unit)
}

func ratio(ours, theirs *figure) string {
	if ours == nil || theirs == nil || ours.Median == 0 || theirs.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fx", float64(theirs.Median)/float64(ours.Median))
}

// markdown is the tables for a document, with where they were made.
func (r *report) markdown(tables [][][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, kernel %s, images on tmpfs; medians; a ratio is CRIU's figure over Woodfrog's.\n",
		r.Arch, r.CPUs, r.Kernel)
	for _, rows := range tables {
		if len(rows) < 2 {
			continue
		}
		b.WriteByte('\n')
		for i, row := range rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
			}
		}
	}
	return b.String()
}

// The marks between which a document's figures stand.
const (
	beginFigures = "<!-- figures: written by go tool mage figures -->\n"
	endFigures   = "<!-- end of figures -->\n"
)

func insert(file, text string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), beginFigures)
	_, after, ok2 := strings.Cut(rest, endFigures)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no marks for the figures", file)
	}
	return os.WriteFile(file, []byte(before+beginFigures+text+endFigures+after), 0o644)
}
