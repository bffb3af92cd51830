package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// A circle has journeys from each of its machines to each other one and home again. All let their travellers leave, then each restores and
// dumps those of all others, then each gets its own back: three starts a machine, whatever the number of pairs.
type circle struct {
	machines []machine
	outcomes map[string]outcome // of each leg, by the name of its cargo
	names    []string           // of travellers
	errs     []error
}

// travellers are the programs that travel, by processor: those of test/vm/guest that there are.
var travellers = map[string][]string{
	"amd64":   {"traveller", "bare-registers", "quiet", "tree"},
	"arm64":   {"traveller", "registers"},
	"armhf":   {"traveller"},
	"ppc64el": {"traveller", "registers"},
}

// circleOf says which machines can take travellers of each other: those with one processor and one page size.
func (m machine) circleOf() string { return m.arch + "/" + m.page + "/" + m.cpu }

func travel(ctx context.Context, all []machine) (circles []*circle) {
	byKind := map[string]*circle{}
	for _, m := range all {
		c := byKind[m.circleOf()]
		if c == nil {
			c = &circle{outcomes: map[string]outcome{}, names: chosenTravellers(m.arch)}
			byKind[m.circleOf()] = c
			circles = append(circles, c)
		}
		c.machines = append(c.machines, m)
	}
	circles = slices.DeleteFunc(circles, func(c *circle) bool { return len(c.machines) < 2 })
	for _, c := range circles {
		c.travel(ctx)
	}
	return circles
}

func chosenTravellers(arch string) []string {
	return slices.DeleteFunc(slices.Clone(travellers[arch]), func(name string) bool {
		return *journeys != "" && !slices.Contains(strings.Split(*journeys, ","), name)
	})
}

// Legs of a journey, and what is carried on them, are named by their machines.
func out(name string, a machine) string     { return leg(name, a) }
func back(name string, a, b machine) string { return leg(name, a, b) }
func home(name string, a, b machine) string { return leg(name, a, b, a) }

func leg(name string, over ...machine) string {
	for _, m := range over {
		name += "@" + strings.ReplaceAll(m.name(), "/", "-")
	}
	return name
}

func (c *circle) travel(ctx context.Context) {
	cargo := map[string][]byte{}
	stage := func(orders func(m machine, t *task)) {
		for _, m := range c.machines {
			t := &task{cargo: map[string][]byte{}}
			if orders(m, t); len(t.orders) == 0 {
				continue
			}
			r := m.do(ctx, t)
			if r.err != nil {
				c.errs = append(c.errs, wrap(m.name(), r.err))
			}
			maps.Copy(cargo, r.cargo)
			for _, o := range r.checks {
				c.outcomes[o.name] = o
			}
		}
	}
	// carry adds an order whose cargo has come.
	carry := func(t *task, from, order string) {
		if data := cargo[from]; data != nil {
			t.cargo[from] = data
			t.orders = append(t.orders, order)
		}
	}
	stage(func(m machine, t *task) {
		for _, n := range c.names {
			t.orders = append(t.orders, fmt.Sprintf("leave %s %s", n, out(n, m)))
		}
	})
	stage(func(b machine, t *task) {
		for _, a := range c.others(b) {
			for _, n := range c.names {
				carry(t, out(n, a), fmt.Sprintf("pass %s %s %s", n, out(n, a), back(n, a, b)))
			}
		}
	})
	stage(func(a machine, t *task) {
		for _, b := range c.others(a) {
			for _, n := range c.names {
				carry(t, back(n, a, b), fmt.Sprintf("arrive %s %s %s", n, back(n, a, b), home(n, a, b)))
			}
		}
	})
}

func (c *circle) others(m machine) []machine {
	return slices.DeleteFunc(slices.Clone(c.machines), func(o machine) bool { return o == m })
}

// journey is how it went for one traveller: well, or the first leg that did not.
func (c *circle) journey(n string, a, b machine) outcome {
	for _, l := range []string{out(n, a), back(n, a, b), home(n, a, b)} {
		o, tried := c.outcomes[l]
		switch {
		case !tried:
			return outcome{name: l, failure: "not tried"}
		case o.failure+o.skipped != "":
			return o
		}
	}
	return outcome{}
}

func (c *circle) ok() bool {
	for _, a := range c.machines {
		for _, b := range c.others(a) {
			for _, n := range c.names {
				if c.journey(n, a, b).failure != "" {
					return false
				}
			}
		}
	}
	return len(c.errs) == 0
}

// print writes a row for each machine that travellers come from, a column for each that they go to.
func (c *circle) print(w io.Writer) {
	var remarks []string
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "%s, from", strings.Join(c.names, ", "))
	for _, b := range c.machines {
		fmt.Fprintf(tw, "\tto %s and back", b.name())
	}
	fmt.Fprintln(tw)
	for _, a := range c.machines {
		fmt.Fprint(tw, a.name())
		for _, b := range c.machines {
			cell := "-"
			if a != b {
				var worst string
				cell, worst = c.cell(a, b)
				if worst != "" {
					remarks = append(remarks, worst)
				}
			}
			fmt.Fprintf(tw, "\t%s", cell)
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	for _, r := range remarks {
		fmt.Fprint(w, r)
	}
	for _, err := range c.errs {
		fmt.Fprintln(w, err)
	}
}

func (c *circle) cell(a, b machine) (cell, remarks string) {
	cell = "ok"
	for _, n := range c.names {
		o := c.journey(n, a, b)
		switch {
		case o.failure != "":
			cell = "FAIL"
		case o.skipped != "" && cell == "ok":
			cell = "skip"
		}
		if o.failure+o.skipped != "" {
			remarks += fmt.Sprintf("%s: %s%s\n", o.name, o.failure, o.skipped)
		}
	}
	return cell, remarks
}
