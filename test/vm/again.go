package main

import (
	"fmt"
	"slices"
	"strings"
)

// Some machines may be run again: their rows, and what is said of them below, take the place of the old ones in a document's table.

// parseGrids reads what grid.markdown has written.
func parseGrids(text string) (grids []*grid) {
	var g *grid
	fresh := true // after a blank line
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		remark, isRemark := strings.CutPrefix(line, "- ")
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ")
		switch {
		case line == "":
			fresh = true
		case isRemark && g != nil:
			g.remarks = append(g.remarks, remark)
		case strings.HasPrefix(line, "|---"):
		case fresh:
			g, fresh = &grid{head: cells}, false
			grids = append(grids, g)
		default:
			g.rows = append(g.rows, cells)
		}
	}
	return grids
}

// replace puts the rows of machines that were run again, and the remarks on them, into the first of the tables that has their columns.
func replace(old []*grid, again *grid) error {
	i := slices.IndexFunc(old, func(g *grid) bool {
		return !slices.ContainsFunc(again.head, func(name string) bool { return !slices.Contains(g.head, name) })
	})
	if i < 0 {
		return fmt.Errorf("no table has the columns %s", strings.Join(again.head, ", "))
	}
	g := old[i]
	for _, row := range again.rows {
		at := slices.IndexFunc(g.rows, func(r []string) bool { return r[0] == row[0] })
		if at < 0 {
			return fmt.Errorf("%s: no row of the table", row[0])
		}
		for k, name := range g.head {
			if c := slices.Index(again.head, name); c >= 0 {
				g.rows[at][k] = row[c]
			}
		}
		for k, remark := range g.remarks {
			g.remarks[k] = without(remark, row[0])
		}
	}
	g.remarks = slices.DeleteFunc(g.remarks, func(r string) bool { return r == "" })
	g.remarks = append(g.remarks, again.remarks...)
	return nil
}

// without is a remark that is not on a machine any more; empty if it was on no other.
func without(remark, machine string) string {
	open := strings.LastIndex(remark, " (")
	if open < 0 {
		return remark
	}
	names := strings.Split(strings.TrimSuffix(remark[open+2:], ")"), ", ")
	left := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == machine })
	if len(left) == 0 {
		return ""
	}
	return remark[:open+2] + strings.Join(left, ", ") + ")"
}
