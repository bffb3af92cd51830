// Command layers runs the project's layers of tests one after the other and stops at the first that fails:
//
//	lint     gofmt, go vet for every processor
//	foreign  the packages that describe ABIs and formats, as 386, arm64, arm and ppc64le programs
//	vm       the engine under one Debian kernel for each architecture, in virtual machines
//	native   go test of everything, as this user on this kernel
//
// and, only when it is named, as it needs modules that nothing else does:
//
//	staticcheck  what vet does not see: code that nobody calls, odd names, deprecated functions
//
// It first sees to the programs that the layers need: on Debian as root it installs them, elsewhere it names them.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A layer is a name and what it runs; needs are looked for before any layer starts.
type layer struct {
	name  string
	needs []need
	run   func() error
}

var layers = []layer{
	{"lint", nil, lint},
	{"foreign", foreignNeeds, foreign},
	{"vm", vmNeeds(), vm},
	{"native", nativeNeeds, native},
}

var onlyWhenNamed = []layer{{"staticcheck", nil, staticcheck}}

func main() {
	only := flag.String("only", "", "run these `layers`, separated by commas, instead of lint,foreign,vm,native; staticcheck runs only so")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(only string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	var needs []need
	for _, l := range chosen {
		needs = append(needs, l.needs...)
	}
	if err := provide(needs); err != nil {
		return err
	}
	for _, l := range chosen {
		start := time.Now()
		fmt.Printf("== %s\n", l.name)
		if err := l.run(); err != nil {
			return fmt.Errorf("layer %s: %w", l.name, err)
		}
		fmt.Printf("== %s: ok after %v\n", l.name, time.Since(start).Round(time.Second))
	}
	return nil
}

func choose(only string) ([]layer, error) {
	if only == "" {
		return layers, nil
	}
	var chosen []layer
next:
	for name := range strings.SplitSeq(only, ",") {
		for _, l := range slices.Concat(layers, onlyWhenNamed) {
			if l.name == name {
				chosen = append(chosen, l)
				continue next
			}
		}
		return nil, fmt.Errorf("layer %q: there is none of that name", name)
	}
	return chosen, nil
}

// nativeNeeds are the programs that test/programs freezes and thaws.
var nativeNeeds = []need{
	{[]string{"dash"}, "dash"}, {[]string{"python3"}, "python3"}, {[]string{"perl"}, "perl"}, {[]string{"xz"}, "xz-utils"},
}

// native is the last layer, so that what it prints ends with go test's own summary.
func native() error {
	if os.Geteuid() != 0 {
		fmt.Println("not root: tests that freeze processes are left out")
	}
	return command(nil, "go", "test", "./...")
}

// command runs a program that writes straight to our output and reads nothing.
func command(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}
