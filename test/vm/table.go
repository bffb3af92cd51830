package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// A grid is a table to print, with remarks below.
type grid struct {
	head    []string
	rows    [][]string
	remarks []string
}

func (g *grid) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{g.head}, g.rows...) {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
	for _, r := range g.remarks {
		fmt.Fprintln(w, r)
	}
}

func (g *grid) markdown() string {
	var b strings.Builder
	for i, row := range append([][]string{g.head}, g.rows...) {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	for i, r := range g.remarks {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(r, "\n", " "))
	}
	return b.String()
}

// sayings are what is to be said below a grid, each once, and of whom.
type sayings struct {
	texts []string
	of    map[string][]string
}

func (s *sayings) add(text, name string) {
	if s.of == nil {
		s.of = map[string][]string{}
	}
	if s.of[text] == nil {
		s.texts = append(s.texts, text)
	}
	if !slices.Contains(s.of[text], name) {
		s.of[text] = append(s.of[text], name)
	}
}

// remarks names most of those that each is said of, and counts the others.
func (s *sayings) remarks(most int) (list []string) {
	for _, text := range s.texts {
		names, others := s.of[text], ""
		if len(names) > most {
			names, others = names[:most], fmt.Sprintf(" and %d others", len(names)-most)
		}
		list = append(list, text+" ("+strings.Join(names, ", ")+others+")")
	}
	return list
}

// A table has a row for each machine and a column for each check.
type table []*result

func (t table) ok() bool {
	return len(t) > 0 && !slices.ContainsFunc(t, func(r *result) bool { return r.failed() })
}

func (t table) grid() *grid {
	g := &grid{head: []string{"machine", "kernel", "seconds"}}
	var names []string
	for _, r := range t {
		for _, o := range r.checks {
			if !slices.Contains(names, o.name) {
				names = append(names, o.name)
			}
		}
	}
	g.head = append(g.head, names...)
	var said sayings
	for _, r := range t {
		row := []string{r.machine.name(), r.release, fmt.Sprint(int(r.took.Seconds()))}
		for _, n := range names {
			row = append(row, r.cell(n))
		}
		g.rows = append(g.rows, row)
		if r.err != nil {
			said.add(r.err.Error(), r.machine.name())
		}
		for _, o := range r.checks {
			if text := o.failure + o.skipped; text != "" {
				said.add(o.name+": "+text, r.machine.name())
			}
		}
	}
	g.remarks = said.remarks(len(t))
	return g
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

// What a document has before and behind the tables.
const (
	beginTables = "<!-- kernels: written by go tool mage matrix -->\n"
	endTables   = "<!-- end of kernels -->\n"
)

// insert puts tables between the marks of a document, in place of those that are there.
func insert(file string, change func(old []*grid) ([]*grid, error)) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), beginTables)
	old, after, ok2 := strings.Cut(rest, endTables)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no marks for the tables", file)
	}
	grids, err := change(parseGrids(old))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var text []string
	for _, g := range grids {
		text = append(text, g.markdown())
	}
	return os.WriteFile(file, []byte(before+beginTables+strings.Join(text, "\n")+endTables+after), 0o644)
}
