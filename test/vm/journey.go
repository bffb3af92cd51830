package main

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// A circle has journeys from each of its machines to each other one and home again.
type circle struct {
	machines []machine
	names    []string           // of travellers
	outcomes map[string]outcome // of each leg, by the name of its cargo
	errs     []error
}

// travellers are the programs that travel, as test/vm/guest knows them, and the architectures whose machines take them in.
var travellers = []struct{ archs, names []string }{
	{[]string{"amd64"}, []string{"traveller", "handler", "bare-registers", "quiet", "tree"}},
	{[]string{"amd64"}, []string{"compat-traveller", "compat-handler", "compat-bare-registers"}},
	{[]string{"arm64"}, []string{"traveller", "handler", "registers", "bare-registers", "quiet", "tree"}},
	{[]string{"arm64", "armhf"}, []string{"arm-traveller", "arm-handler", "arm-registers", "arm-bare-registers"}},
	{[]string{"ppc64el"}, []string{"traveller", "handler", "registers", "bare-registers", "quiet", "tree"}},
}

// circles puts those machines together that have one page size and one processor.
func circles(all []machine) (list []*circle) {
	for _, row := range travellers {
		names := slices.DeleteFunc(slices.Clone(row.names), func(name string) bool { return !travels(name) })
		alike := map[string]*circle{}
		for _, m := range all {
			if !slices.Contains(row.archs, m.arch) || len(names) == 0 {
				continue
			}
			c := alike[m.page+m.cpu]
			if c == nil {
				c = &circle{names: names, outcomes: map[string]outcome{}}
				alike[m.page+m.cpu] = c
				list = append(list, c)
			}
			c.machines = append(c.machines, m)
		}
	}
	return slices.DeleteFunc(list, func(c *circle) bool { return len(c.machines) < 2 })
}

// travels says whether a program is among those that are to travel.
func travels(name string) bool {
	return *journeys == "" || slices.Contains(strings.Split(*journeys, ","), name)
}

// Legs of a journey, and what is carried on them, are named by their machines.
func leg(name string, over ...machine) string {
	for _, m := range over {
		name += "@" + dashed(m.name())
	}
	return name
}

func dashed(name string) string { return strings.ReplaceAll(name, "/", "-") }

func leaveOrder(name string, m machine) string { return "leave " + name + " " + leg(name, m) }

// travel makes all journeys. First all travellers leave, then each machine restores and dumps those of all others, then each gets its own
// back: three starts a machine, whatever the number of pairs. Those for whom that is the only way to be dumped under one kernel and restored
// under the other go there once more.
func travel(ctx context.Context, all []machine) ([]*circle, border) {
	list, closed := circles(all), borderOf(all)
	cargo := map[string][]byte{}
	caps := commonCaps(all)
	stage := func(orders func(c *circle, m machine, t *task), more func(m machine, t *task)) {
		var jobs []job
		for _, m := range all {
			t := &task{cargo: map[string][]byte{}, caps: caps}
			for _, c := range list {
				if slices.Contains(c.machines, m) {
					orders(c, m, t)
				}
			}
			more(m, t)
			if len(t.orders) > 0 {
				jobs = append(jobs, job{m, t})
			}
		}
		for _, r := range doAll(ctx, jobs) {
			maps.Copy(cargo, r.cargo)
			for _, c := range list {
				c.note(r)
			}
			closed.note(r)
		}
	}
	// carry adds an order whose cargo has come.
	carry := func(t *task, verb, name, from, to string) {
		if data := cargo[from]; data != nil {
			t.cargo[from] = data
			t.orders = append(t.orders, strings.Join([]string{verb, name, from, to}, " "))
		}
	}
	stage(func(c *circle, m machine, t *task) {
		for _, n := range c.names {
			t.orders = append(t.orders, leaveOrder(n, m))
		}
	}, closed.leave)
	stage(func(c *circle, b machine, t *task) {
		for _, a := range c.homes(b) {
			for _, n := range c.between(a, b) {
				carry(t, "pass", n, leg(n, a), leg(n, a, b))
			}
		}
	}, func(m machine, t *task) { closed.arrive(m, t, cargo) })
	stage(func(c *circle, a machine, t *task) {
		for _, b := range c.others(a) {
			verb := "arrive"
			if goesOn(a, b) {
				verb = "visit"
			}
			for _, n := range c.names {
				carry(t, verb, n, leg(n, a, b), leg(n, a, b, a))
			}
		}
	}, func(machine, *task) {})
	stage(func(c *circle, b machine, t *task) {
		for _, a := range c.homes(b) {
			for _, n := range c.names {
				if goesOn(a, b) {
					carry(t, "end", n, leg(n, a, b, a), leg(n, a, b, a, b))
				}
			}
		}
	}, func(machine, *task) {})
	return list, closed
}

// note takes what a machine of the circle has said.
func (c *circle) note(r *result) {
	if !slices.Contains(c.machines, r.machine) {
		return
	}
	if r.err != nil {
		c.errs = append(c.errs, wrap(r.machine.name(), r.err))
	}
	for _, o := range r.checks {
		c.outcomes[o.name] = o
	}
}

// goes says whether travellers go from a to b. Arm programs that begin on arm64 have their stacks where arm kernels have themselves: they are
// refused there.
func goes(a, b machine) bool { return a != b && !goesOn(b, a) }

// goesOn says whether travellers from a go to b once more after they have come home: those from arm to arm64, for those that go from there to
// arm and back.
func goesOn(a, b machine) bool { return a.arch == "armhf" && b.arch == "arm64" }

// others are the machines that travellers go to from m, homes those from which they come to it.
func (c *circle) others(m machine) []machine {
	return slices.DeleteFunc(slices.Clone(c.machines), func(o machine) bool { return !goes(m, o) })
}

func (c *circle) homes(m machine) []machine {
	return slices.DeleteFunc(slices.Clone(c.machines), func(o machine) bool { return !goes(o, m) })
}

// between are the names of those who go from a to b and are not refused there.
func (c *circle) between(a, b machine) []string {
	return slices.DeleteFunc(slices.Clone(c.names), func(n string) bool { return goes(a, b) && stops(n, a, b) })
}

// journey is how it went for one traveller: well, or the first leg that did not. One that cannot begin at a comes from b.
func (c *circle) journey(n string, a, b machine) outcome {
	legs := []string{leg(n, a), leg(n, a, b), leg(n, a, b, a)}
	if !goes(a, b) {
		legs = []string{leg(n, b), leg(n, b, a), leg(n, b, a, b), leg(n, b, a, b, a)}
	}
	for _, l := range legs {
		o, tried := c.outcomes[l]
		switch {
		case !tried:
			return outcome{name: l, failure: "no answer"}
		case o.failure+o.skipped != "":
			return o
		}
	}
	return outcome{}
}

func (c *circle) ok() bool {
	for _, a := range c.machines {
		for _, b := range c.machines {
			for _, n := range c.between(a, b) {
				if a != b && c.journey(n, a, b).failure != "" {
					return false
				}
			}
		}
	}
	return len(c.errs) == 0
}

// grid has a row for each machine that travellers come from, a column for each that they go to.
func (c *circle) grid() *grid {
	g := &grid{head: []string{strings.Join(c.names, ", ") + ": from"}}
	for _, b := range c.machines {
		g.head = append(g.head, "to "+b.name()+" and back")
	}
	var said sayings
	for _, a := range c.machines {
		row := []string{a.name()}
		for _, b := range c.machines {
			if a == b {
				row = append(row, "")
				continue
			}
			cell, short := c.cell(a, b)
			row = append(row, cell)
			for _, o := range short {
				said.add(o.failure+o.skipped, o.name)
			}
		}
		g.rows = append(g.rows, row)
	}
	const fewLegs = 4
	g.remarks = said.remarks(fewLegs)
	for _, err := range c.errs {
		g.remarks = append(g.remarks, err.Error())
	}
	return g
}

// cell sums up the journeys from a to b, and lists those that were not made.
func (c *circle) cell(a, b machine) (cell string, short []outcome) {
	cell = "ok"
	for _, n := range c.between(a, b) {
		o := c.journey(n, a, b)
		switch {
		case o.failure != "":
			cell = "FAIL"
		case o.skipped != "" && cell == "ok":
			cell = "skip"
		}
		if o.failure+o.skipped != "" {
			short = append(short, o)
		}
	}
	return cell, short
}
