package main

import (
	"errors"
	"fmt"
	"strings"
)

// commandLine is a parsed command line, with the configuration files in it.
type commandLine struct {
	command  command
	settings settings
}

// parse reads configuration files and command line in CRIU's order: what is read later counts.
func parse(args []string, getenv func(string) string) (commandLine, error) {
	line := commandLine{settings: defaults()}
	s := &line.settings
	uses, words, err := scan(args)
	// Help is given whatever else is wrong.
	for _, a := range args {
		if a == "--help" || a == "-h" {
			s.help = true
			return line, nil
		}
	}
	if err != nil {
		return line, err
	}
	for _, u := range uses {
		if u.opt.name == "version" {
			s.version = true
			return line, nil
		}
	}
	if len(words) == 0 {
		return line, errors.New("which command? " + commandList(cmdServed))
	}
	if line.command, err = commandNamed(words[0]); err != nil {
		return line, err
	}
	if line.command == cmdVersion {
		return line, nil
	}
	if s.operands = words[1:]; len(s.operands) > 0 && line.command&cmdOperands == 0 {
		return line, fmt.Errorf("%s: excess argument %q", words[0], s.operands[0])
	}
	configured, err := readConfigs(uses, getenv)
	if err != nil {
		return line, err
	}
	return line, line.accept(append(configured, uses...))
}

// accept applies the options and refuses those that the command would have to serve and cannot.
func (l *commandLine) accept(uses []use) error {
	var last []use // the last word on each option that is not served
	for _, u := range uses {
		if err := u.apply(&l.settings); err != nil {
			return fmt.Errorf("%s: %w", l.command, err)
		}
		if u.opt.state == refused || u.opt.state == noted {
			last = replaceUse(last, u)
		}
	}
	for _, u := range last {
		switch {
		case !u.val.on || u.opt.cmds&l.command == 0:
		case u.opt.state == refused:
			return fmt.Errorf("%s: %w", l.command, u.where(errors.New("not served yet: "+u.opt.why)))
		default:
			l.settings.notes = append(l.settings.notes, u.spelt+": not served yet: "+u.opt.why)
		}
	}
	return l.settings.validate(l.command)
}

func replaceUse(list []use, u use) []use {
	for i := range list {
		if list[i].opt == u.opt {
			list[i] = u
			return list
		}
	}
	return append(list, u)
}

// scan splits arguments into options and words the way getopt_long does: options may stand anywhere before "--".
func scan(args []string) (uses []use, words []string, err error) {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			return uses, append(words, args...), nil
		case strings.HasPrefix(a, "--"):
			var u use
			if u, args, err = scanLong(a, args); err != nil {
				return nil, nil, err
			}
			uses = append(uses, u)
		case len(a) > 1 && a[0] == '-':
			if uses, args, err = scanShort(uses, a[1:], args); err != nil {
				return nil, nil, err
			}
		default:
			words = append(words, a)
		}
	}
	return uses, words, nil
}

// scanLong reads --name, --name=value or --name value; args is what follows.
func scanLong(a string, args []string) (use, []string, error) {
	name, arg, given := strings.Cut(a[2:], "=")
	opt, on, err := optionNamed(name)
	if err != nil {
		return use{}, nil, err
	}
	u := use{opt: opt, spelt: "--" + name, val: value{on: on, given: given, arg: arg}}
	switch {
	case given && (opt.arg == noArg || !on):
		return use{}, nil, u.where(errors.New("takes no argument"))
	case !given && opt.arg == mustArg:
		if len(args) == 0 {
			return use{}, nil, u.where(errors.New("needs an argument"))
		}
		u.val.given, u.val.arg, args = true, args[0], args[1:]
	}
	return u, args, nil
}

// scanShort reads a group of letters such as -dSv4 or -oFILE; args is what follows.
func scanShort(uses []use, letters string, args []string) ([]use, []string, error) {
	for len(letters) > 0 {
		opt, err := optionLetter(letters[0])
		if err != nil {
			return nil, nil, err
		}
		u := use{opt: opt, spelt: "-" + letters[:1], val: value{on: true}}
		letters = letters[1:]
		if opt.arg != noArg && letters != "" {
			u.val.given, u.val.arg, letters = true, letters, ""
		} else if opt.arg == mustArg {
			if len(args) == 0 {
				return nil, nil, u.where(errors.New("needs an argument"))
			}
			u.val.given, u.val.arg, args = true, args[0], args[1:]
		}
		uses = append(uses, u)
	}
	return uses, args, nil
}
