// Command vm boots Debian kernels of every architecture in qemu, lets woodfrog freeze and thaw programs inside, and prints a table of
// what held:
//
//	go run ./test/vm [-only arm64/6.12,...] [-checks goroutines,...] [-journeys NAME,...] [-document FILE] [-small] [-get] [-parallel N] [-v]
//
// Then programs travel: each is dumped under one kernel, restored and dumped under another one, and restored at home, for all ordered
// pairs of kernels of an architecture, this machine's own among them if this is root; a table of pairs tells how that went.
//
// Kernels come from the mirror that this machine's apt is set up with, are unpacked below the user's cache directory and installed
// nowhere. It needs qemu-system, apt-get, dpkg-deb and xz.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	only     = flag.String("only", "", "run these machines, ARCH or a name of the table, separated by commas")
	checks   = flag.String("checks", "", "run these checks, separated by commas, instead of all; - is none")
	journeys = flag.String("journeys", "", "let these programs travel, separated by commas, instead of all; - is none")
	document = flag.String("document", "", "put the tables, or with -only the rows of these machines, between the marks in this document, too")
	small    = flag.Bool("small", false, "run a few checks with one kernel for each architecture, whichever of them can be had")
	get      = flag.Bool("get", false, "download what machines need and start none")
	parallel = flag.Int("parallel", runtime.NumCPU(), "run as many machines at a time")
	verbose  = flag.Bool("v", false, "show what guests write, one at a time")
	limit    = flag.Duration("limit", 45*time.Minute, "end a machine that runs longer")
)

const none = "-"

// smallChecks go through every part of the engine that is written for each architecture.
const smallChecks = "threads,shell,registers,signals,proxy,clock,handler,frames"

func main() {
	flag.Parse()
	ok, err := run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context) (ok bool, err error) {
	if *document != "" && *only != "" && (*journeys != none || *checks == none) {
		return false, errors.New("-document: of some machines only what is checked in each can be made again: -journeys -")
	}
	var chosen []machine
	all := machines
	if m, ok := host(); ok && !*small && !*get {
		all = append(slices.Clone(all), m)
	}
	for _, m := range all {
		if m.chosen(*only) {
			chosen = append(chosen, m)
		}
	}
	if *small {
		if chosen, err = oneOfEach(ctx, chosen); err != nil {
			return false, err
		}
		*checks, *journeys = smallChecks, none
	}
	if len(chosen) == 0 {
		return false, fmt.Errorf("machines %s: there are none", *only)
	}
	if *get {
		for _, m := range chosen {
			if _, err := m.kernel(ctx); err != nil {
				return false, wrap(m.name(), err)
			}
		}
		return true, nil
	}
	if programsDir, err = os.MkdirTemp("", "woodfrog-vm-programs-"); err != nil {
		return false, err
	}
	defer os.RemoveAll(programsDir)
	ok = true
	var grids []*grid
	show := func(g *grid) {
		grids = append(grids, g)
		g.print(os.Stdout)
	}
	if *checks != none {
		order := "check " + strings.ReplaceAll(*checks, ",", " ")
		var jobs []job
		for _, m := range chosen {
			if m.isHost() {
				continue
			}
			t := &task{orders: []string{order}}
			if m.tests && *checks == "" {
				for _, name := range tests {
					t.orders = append(t.orders, "check test-"+name)
				}
			}
			jobs = append(jobs, job{m, t})
		}
		t := table(doAll(ctx, jobs))
		show(t.grid())
		ok = t.ok()
	}
	if *journeys != none {
		all, closed := travel(ctx, chosen)
		for _, pairs := range all {
			show(pairs.grid())
			ok = ok && pairs.ok()
		}
		if len(closed) > 0 {
			show(closed.grid())
			ok = ok && closed.ok()
		}
	}
	switch {
	case *document == "":
	case *only == "":
		err = insert(*document, func([]*grid) ([]*grid, error) { return grids, nil })
	default:
		err = insert(*document, func(old []*grid) ([]*grid, error) { return old, replace(old, grids[0]) })
	}
	return ok, err
}

func (m machine) chosen(only string) bool {
	if only == "" {
		return true
	}
	for name := range strings.SplitSeq(only, ",") {
		if name == m.arch || name == m.name() {
			return true
		}
	}
	return false
}

// oneOfEach picks for each architecture the first machine whose kernel is in the cache or can be downloaded: a mirror may be out of step
// for one suite.
func oneOfEach(ctx context.Context, from []machine) (chosen []machine, err error) {
	errs := map[string]error{} // by architecture; nil: it has one
	for _, m := range from {
		if err, tried := errs[m.arch]; tried && err == nil {
			continue
		}
		_, err := m.kernel(ctx)
		if err == nil {
			chosen = append(chosen, m)
			errs[m.arch] = nil
			continue
		}
		errs[m.arch] = errors.Join(errs[m.arch], err)
	}
	for arch, e := range errs {
		err = errors.Join(err, wrap(arch, e))
	}
	return chosen, err
}
