package main

import (
	"fmt"
	"io"
	"strings"
)

// help prints the commands and every option, or one command and its options; those without effect by name only.
func help(w io.Writer, only command) {
	if only == cmdNone {
		fmt.Fprint(w, "Usage: woodfrog COMMAND [OPTION...]\n\nCommands:\n")
	} else {
		fmt.Fprintf(w, "Usage: woodfrog %s [OPTION...]\n\n", only)
	}
	matters := func(o *option) bool { return only == cmdNone || o.cmds&only != 0 }
	for _, c := range commandNames {
		if c.cmd&cmdServed != 0 && (only == cmdNone || c.cmd == only) {
			fmt.Fprintf(w, "  %-9s %s\n", c.name, c.help)
		}
	}
	fmt.Fprint(w, "\nOptions (most of those without argument can be switched off: --no-NAME):\n")
	for o := range eachOption {
		if o.help == "" || !matters(o) {
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
	printNames(w, "Options of CRIU that are accepted and have no effect: what they are about is refused, or needs no option", func(o *option) bool {
		return matters(o) && (o.state == moot || o.state == noted)
	})
	printNames(w, "Options of CRIU that are an error where they would matter, because they are not served yet", func(o *option) bool {
		return matters(o) && o.state == refused
	})
}

// printNames prints the names of some options below a head, with line breaks.
func printNames(w io.Writer, head string, which func(*option) bool) {
	line := " "
	for o := range eachOption {
		if !which(o) {
			continue
		}
		if head != "" {
			fmt.Fprintf(w, "\n%s:\n", head)
			head = ""
		}
		if len(line)+len(o.name)+3 > 100 {
			fmt.Fprintln(w, line)
			line = " "
		}
		line += " --" + o.name
	}
	if head == "" {
		fmt.Fprintln(w, line)
	}
}
