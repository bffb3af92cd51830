package main

import (
	"errors"
	"fmt"
	"strings"
)

// option is one row of the option table.
type option struct {
	name  string
	short byte // 0: none
	arg   argument
	no    bool    // --no-NAME switches it off
	cmds  command // where it matters; elsewhere it is accepted and does nothing, as in CRIU
	help  string  // one line; of options that are served

	// One of these for an option that is served. set is also what checks the argument of one that is not.
	flag func(*settings) *bool
	text func(*settings) *string
	set  func(*settings, value) error

	// state is what becomes of a known option that is not served, and why says why that is right.
	state state
	why   string
}

// argument says whether an option takes one. An optional one is attached: -v4, --verbosity=4.
type argument uint8

const (
	noArg argument = iota
	mustArg
	mayArg
)

// state is how far an option is served.
type state uint8

const (
	served  state = iota
	moot          // ignored: what it is about is refused by itself where it occurs, or it changes no result
	noted         // ignored with a warning in the log
	refused       // an error: to ignore it would give another result than the one asked for
)

// value is what the command line says of an option.
type value struct {
	on    bool // false for --no-NAME
	given bool // an argument is there
	arg   string
}

// use is one occurrence of an option.
type use struct {
	opt    *option
	val    value
	spelt  string // as written, for messages
	origin string // file and line of a configuration file; empty for the command line
}

// where prefixes an error with the place the option was written at.
func (u use) where(err error) error {
	if u.origin != "" {
		return fmt.Errorf("%s: %s: %w", u.origin, u.spelt, err)
	}
	return fmt.Errorf("%s: %w", u.spelt, err)
}

// apply stores what u says in s.
func (u use) apply(s *settings) error {
	switch o := u.opt; {
	case o.flag != nil:
		*o.flag(s) = u.val.on
	case o.text != nil:
		if u.val.arg == "" { // as of a variable of the shell that is not set: the default would be another file or directory
			return u.where(errors.New("the argument is empty"))
		}
		*o.text(s) = u.val.arg
	case o.set != nil:
		if err := o.set(s, u.val); err != nil {
			return u.where(err)
		}
	}
	return nil
}

// optionNamed finds the option that --name means: by its name, its name after "no-", or the beginning of exactly one
// option's name, as getopt_long does.
func optionNamed(name string) (opt *option, on bool, err error) {
	var begins []string
	for o := range eachOption {
		if o.name == name {
			return o, true, nil
		}
		if o.no && strings.TrimPrefix(name, "no-") == o.name {
			return o, false, nil
		}
		if strings.HasPrefix(o.name, name) {
			begins = append(begins, "--"+o.name)
			opt, on = o, true
		}
		if o.no && strings.HasPrefix("no-"+o.name, name) {
			begins = append(begins, "--no-"+o.name)
			opt, on = o, false
		}
	}
	switch len(begins) {
	case 1:
		return opt, on, nil
	case 0:
		var names []string
		for o := range eachOption {
			names = append(names, "--"+o.name)
		}
		return nil, false, fmt.Errorf("--%s: unknown option%s", name, didYouMean("--"+name, names))
	}
	return nil, false, fmt.Errorf("--%s: ambiguous: %s", name, strings.Join(begins, ", "))
}

// optionLetter finds the option that -c means.
func optionLetter(c byte) (*option, error) {
	for o := range eachOption {
		if o.short == c && c != 0 {
			return o, nil
		}
	}
	return nil, fmt.Errorf("-%c: unknown option", c)
}
