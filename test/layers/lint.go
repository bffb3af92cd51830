package main

import (
	"bytes"
	"fmt"
	"os/exec"
)

// lint uses staticcheck out of a module file of its own: its dependencies are no business of those who build woodfrog.
func lint() error {
	files, err := exec.Command("git", "ls-files", "-z", "*.go").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	var list []string
	for f := range bytes.SplitSeq(bytes.TrimRight(files, "\x00"), []byte{0}) {
		list = append(list, string(f))
	}
	unformatted, err := exec.Command("gofmt", append([]string{"-l"}, list...)...).CombinedOutput()
	if err != nil || len(unformatted) != 0 {
		return fmt.Errorf("gofmt: these need formatting:\n%s", unformatted)
	}
	if err := command(nil, "go", "vet", "-tags", "mage", "./magefile.go"); err != nil {
		return err
	}
	if err := command(nil, "go", "vet", "./..."); err != nil {
		return err
	}
	for _, t := range foreignTargets {
		if err := command(t.env(), "go", append([]string{"vet"}, purePatterns()...)...); err != nil {
			return err
		}
	}
	return command(nil, "go", "tool", "-modfile=test/staticcheck.mod", "staticcheck", "./...")
}
