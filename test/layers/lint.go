package main

import (
	"fmt"
	"os/exec"
)

func lint() error {
	unformatted, err := exec.Command("gofmt", "-l", ".").CombinedOutput()
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
		if err := command(t.env(), "go", append([]string{"vet"}, t.builds()...)...); err != nil {
			return err
		}
	}
	return nil
}

// staticcheck comes out of a module file of its own: what it needs is no business of those who build woodfrog.
func staticcheck() error {
	return command(nil, "go", "tool", "-modfile=test/staticcheck.mod", "staticcheck", "./...")
}
