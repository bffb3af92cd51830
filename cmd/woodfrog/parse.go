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

// parse reads configuration files and command line in CRIU's order: what is read later counts. With an error come the
// settings as far as they are known.
func parse(args []string, getenv func(string) string) (commandLine, error) {
	line := commandLine{settings: defaults()}
	s := &line.settings
	for _, a := range args {
		if a == "--" {
			break
		}
		if a == "--help" || a == "-h" { // whatever else is wrong
			s.help = true
			if _, words, _ := scan(args); len(words) > 0 {
				line.command, _ = commandNamed(words[0])
			}
			return line, nil
		}
	}
	uses, words, err := scan(args)
	for _, u := range uses {
		if u.opt.name == "version" {
			s.version = true
			return line, nil
		}
	}
	if err == nil {
		err = line.choose(words)
	}
	if err == nil && line.command == cmdVersion {
		return line, line.excess()
	}
	configured, cerr := readConfigs(uses, getenv)
	if uerr := line.accept(append(configured, uses...)); cerr == nil {
		cerr = uerr
	}
	if err == nil {
		err = cerr
	}
	if err == nil { // after what options say of their values: in "-t -D DIR" DIR is not what is wrong
		err = line.excess()
	}
	if err == nil {
		err = s.validate(line.command)
	}
	return line, err
}

// choose takes the command and its operands from the words that are no options.
func (l *commandLine) choose(words []string) (err error) {
	if len(words) == 0 {
		return errors.New("which command? " + commandList(cmdServed))
	}
	if l.command, err = commandNamed(words[0]); err != nil {
		return err
	}
	l.settings.operands = words[1:]
	return nil
}

// excess finds operands of a command that takes none.
func (l *commandLine) excess() error {
	if operands := l.settings.operands; len(operands) > 0 && l.command&cmdOperands == 0 {
		return fmt.Errorf("%s: excess argument %q", l.command, operands[0])
	}
	return nil
}

// accept applies the options and refuses those that the command would have to serve and cannot. The first error counts;
// the options after it are applied nevertheless.
func (l *commandLine) accept(uses []use) (err error) {
	fail := func(e error) {
		if err == nil {
			err = fmt.Errorf("%s: %w", l.command, e)
		}
	}
	var last []use // the last word on each option that is not served
	for _, u := range uses {
		if e := u.apply(&l.settings); e != nil {
			fail(e)
		}
		if u.opt.state == refused || u.opt.state == noted {
			last = replaceUse(last, u)
		}
	}
	l.settings.fillIn()
	for _, u := range last {
		switch {
		case !u.val.on || u.opt.cmds&l.command == 0:
		case u.opt.state == refused:
			fail(u.where(errors.New("not served yet: " + u.opt.why)))
		default:
			l.settings.notes = append(l.settings.notes, u.spelt+": not served yet: "+u.opt.why)
		}
	}
	return err
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

// scan splits arguments into options and words the way getopt_long does: options may stand anywhere before "--". It goes
// on after an error, the first of which it returns.
func scan(args []string) (uses []use, words []string, first error) {
	for len(args) > 0 {
		var err error
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			return uses, append(words, args...), first
		case strings.HasPrefix(a, "--"):
			var u use
			if u, args, err = scanLong(a, args); err == nil {
				uses = append(uses, u)
			}
		case len(a) > 1 && a[0] == '-':
			uses, args, err = scanShort(uses, a[1:], args)
		default:
			words = append(words, a)
		}
		if first == nil {
			first = err
		}
	}
	return uses, words, first
}

// scanLong reads --name, --name=value or --name value; args is what follows.
func scanLong(a string, args []string) (use, []string, error) {
	name, arg, given := strings.Cut(a[2:], "=")
	opt, on, err := optionNamed(name)
	if err != nil {
		return use{}, args, err
	}
	u := use{opt: opt, spelt: "--" + name, val: value{on: on, given: given, arg: arg}}
	switch {
	case given && (opt.arg == noArg || !on):
		return use{}, args, u.where(errors.New("takes no argument"))
	case !given && opt.arg == mustArg:
		if len(args) == 0 {
			return use{}, args, u.where(errors.New("needs an argument"))
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
			return uses, args, err
		}
		u := use{opt: opt, spelt: "-" + letters[:1], val: value{on: true}}
		letters = letters[1:]
		if opt.arg != noArg && letters != "" {
			u.val.given, u.val.arg, letters = true, letters, ""
		} else if opt.arg == mustArg {
			if len(args) == 0 {
				return uses, args, u.where(errors.New("needs an argument"))
			}
			u.val.given, u.val.arg, args = true, args[0], args[1:]
		}
		uses = append(uses, u)
	}
	return uses, args, nil
}
