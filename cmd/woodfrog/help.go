package main

import (
	"fmt"
	"io"
	"strings"
)

// help prints the commands and every option, those without effect by name only.
func help(w io.Writer) {
	fmt.Fprint(w, "Usage: woodfrog COMMAND [OPTION...]\n\nCommands:\n")
	for _, c := range commandNames {
		if c.cmd&cmdServed != 0 {
			fmt.Fprintf(w, "  %-9s %s\n", c.name, c.help)
		}
	}
	fmt.Fprint(w, "\nOptions (most of those without argument can be switched off: --no-NAME):\n")
	for o := range eachOption {
		if o.help == "" {
			continue
		}
		name := "    --" + o.name
		if o.short != 0 {
			name = "-" + string(o.short) + ", --" + o.name
		}
		help := o.help
		if o.arg != noArg {
			var arg string
			arg, help, _ = strings.Cut(o.help, ": ")
			name += " " + arg
			if strings.HasPrefix(arg, "=") {
				name = strings.Replace(name, " =", "[=", 1) + "]"
			}
		}
		fmt.Fprintf(w, "  %-32s %s\n", name, help)
	}
	fmt.Fprint(w, "\nOptions of CRIU that are accepted and have no effect yet, because what they are about is refused:\n")
	wrapNames(w, func(o *option) bool { return o.state == moot || o.state == noted })
	fmt.Fprint(w, "\nOptions of CRIU that are an error where they would matter, because they are not served yet:\n")
	wrapNames(w, func(o *option) bool { return o.state == refused })
}

// wrapNames prints the names of some options, with line breaks.
func wrapNames(w io.Writer, which func(*option) bool) {
	line := " "
	for o := range eachOption {
		if !which(o) {
			continue
		}
		if len(line)+len(o.name)+3 > 100 {
			fmt.Fprintln(w, line)
			line = " "
		}
		line += " --" + o.name
	}
	fmt.Fprintln(w, line)
}
