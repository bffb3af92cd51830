package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// A need is a program that a layer runs, under any of its names, and the Debian package that has it.
type need struct {
	programs []string
	pkg      string
}

func (n need) path() (string, error) {
	for _, p := range n.programs {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s: not found", n.programs[0])
}

// provide sees to it that every need is there, by apt-get where that may be done.
func provide(needs []need) error {
	programs, pkgs := missing(needs)
	if len(pkgs) == 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("programs %s: not found: install them (Debian: apt-get install %s) and start again",
			strings.Join(programs, " "), strings.Join(pkgs, " "))
	}
	fmt.Printf("installing from Debian: %s\n", strings.Join(pkgs, " "))
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	install := append([]string{"install", "-q", "-y", "--no-install-recommends"}, pkgs...)
	// A fresh image has no package lists, or stale ones.
	if err := command(env, apt, "update", "-q"); err != nil {
		return err
	}
	if err := command(env, apt, install...); err != nil {
		return err
	}
	if programs, _ := missing(needs); len(programs) != 0 {
		return fmt.Errorf("programs %s: not found after installing %s", strings.Join(programs, " "), strings.Join(pkgs, " "))
	}
	return nil
}

func missing(needs []need) (programs, pkgs []string) {
	for _, n := range needs {
		if _, err := n.path(); err == nil {
			continue
		}
		programs = append(programs, n.programs[0])
		if !slices.Contains(pkgs, n.pkg) {
			pkgs = append(pkgs, n.pkg)
		}
	}
	return programs, pkgs
}
