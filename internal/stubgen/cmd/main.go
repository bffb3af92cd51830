// Command cmd writes a stub's bytes: cmd GOARCH SOURCE.s PACKAGE VARIABLE OUT.go
package main

import (
	"fmt"
	"os"

	"woodfrog/internal/stubgen"
)

func main() {
	a := os.Args[1:]
	if len(a) != 5 {
		fmt.Fprintln(os.Stderr, "usage: stubgen GOARCH SOURCE.s PACKAGE VARIABLE OUT.go")
		os.Exit(2)
	}
	code, err := stubgen.Assemble(a[0], a[1])
	if err == nil {
		err = os.WriteFile(a[4], stubgen.Source(a[2], a[3], a[1], code), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
