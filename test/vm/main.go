// Command vm boots Debian kernels of every architecture in qemu, lets woodfrog freeze and thaw programs inside, and prints a table of
// what held:
//
//	go run ./test/vm [-only arm64/6.12,...] [-checks goroutines,...] [-journeys NAME,...] [-get] [-v]
//
// Then programs travel: each is dumped under one kernel, restored and dumped under another one, and restored at home, for all ordered
// pairs of kernels of an architecture; a table of pairs tells how that went.
//
// Kernels come from the mirror that this machine's apt is set up with, are unpacked below the user's cache directory and installed
// nowhere. It needs qemu-system, apt-get, dpkg-deb and xz.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

var (
	only     = flag.String("only", "", "run these machines, ARCH or a name of the table, separated by commas")
	checks   = flag.String("checks", "", "run these checks, separated by commas, instead of all; - is none")
	journeys = flag.String("journeys", "", "let these programs travel, separated by commas, instead of all; - is none")
	get      = flag.Bool("get", false, "download what machines need and start none")
	verbose  = flag.Bool("v", false, "show what guests write")
	limit    = flag.Duration("limit", 10*time.Minute, "end a machine that runs longer")
)

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
	var chosen []machine
	for _, m := range machines {
		if m.chosen(*only) {
			chosen = append(chosen, m)
		}
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
	ok = true
	if *checks != "-" {
		var t table
		order := "check " + strings.ReplaceAll(*checks, ",", " ")
		for _, m := range chosen {
			t = append(t, m.do(ctx, &task{orders: []string{order}}))
		}
		t.print(os.Stdout)
		ok = t.ok()
	}
	if *journeys != "-" {
		for _, pairs := range travel(ctx, chosen) {
			pairs.print(os.Stdout)
			ok = ok && pairs.ok()
		}
	}
	return ok, nil
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
