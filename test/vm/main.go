// Command vm boots Debian kernels of every architecture in qemu, lets woodfrog freeze and thaw programs inside, and prints a table of
// what held:
//
//	go run ./test/vm [-only arm64/6.12,...] [-checks goroutines,...] [-v]
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

func main() {
	only := flag.String("only", "", "run these machines, ARCH or ARCH/SERIES, separated by commas")
	checks := flag.String("checks", "", "run these checks, separated by commas, instead of all")
	verbose := flag.Bool("v", false, "show what guests write")
	limit := flag.Duration("limit", 10*time.Minute, "end a machine that runs longer")
	flag.Parse()
	t := table{}
	for _, m := range machines {
		if !chosen(m, *only) {
			continue
		}
		r, err := m.test(context.Background(), strings.ReplaceAll(*checks, ",", " "), *limit, *verbose)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name(), err)
			r.err = err
		}
		t = append(t, r)
	}
	t.print(os.Stdout)
	if !t.ok() {
		os.Exit(1)
	}
}

func chosen(m machine, only string) bool {
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
