package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const globalConfig = "/etc/criu/default.conf"

// readConfigs reads the configuration files that apply: the two default ones, unless --no-default-config or --config is
// given, the one in the environment, and --config's.
func readConfigs(uses []use, getenv func(string) string) ([]use, error) {
	byDefault, named := true, ""
	for _, u := range uses {
		switch u.opt.name {
		case "no-default-config":
			byDefault = false
		case "config":
			byDefault, named = false, u.val.arg
		}
	}
	var all []use
	read := func(path string, mayMiss bool) error {
		more, err := readConfig(path)
		if mayMiss && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
			return nil // as CRIU; another user's HOME is often left in the environment
		}
		all = append(all, more...)
		return err
	}
	if byDefault {
		if err := read(globalConfig, true); err != nil {
			return nil, err
		}
		if home := getenv("HOME"); home != "" {
			if err := read(filepath.Join(home, ".criu/default.conf"), true); err != nil {
				return nil, err
			}
		}
	}
	if path := getenv("CRIU_CONFIG_FILE"); path != "" {
		if err := read(path, false); err != nil {
			return nil, err
		}
	}
	if named != "" {
		if err := read(named, false); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readConfig(path string) ([]use, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	return parseConfig(path, string(text))
}

// parseConfig reads lines of an option's long name without its dashes and, after white space or "=", its argument, which
// may be in double quotes. # begins a comment, also inside of quotes, as in CRIU.
func parseConfig(path, text string) ([]use, error) {
	var uses []use
	n := 0
	for line := range strings.Lines(text) {
		n++
		u, ok, err := parseConfigLine(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if ok {
			u.origin = fmt.Sprintf("%s:%d", path, n)
			uses = append(uses, u)
		}
	}
	return uses, nil
}

func parseConfigLine(line string) (use, bool, error) {
	line, _, _ = strings.Cut(line, "#")
	line = strings.TrimSpace(line)
	if line == "" {
		return use{}, false, nil
	}
	name, rest := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, rest = line[:i], strings.TrimSpace(line[i:])
	}
	if before, after, ok := strings.Cut(name, "="); ok && rest == "" { // CRIU puts "--" before the line
		name, rest = before, after
	}
	if strings.HasPrefix(name, "-") {
		return use{}, false, fmt.Errorf("%s: options stand here by their long names without dashes", name)
	}
	opt, on, err := optionNamed(name)
	if err != nil {
		return use{}, false, err
	}
	u := use{opt: opt, spelt: "--" + name, val: value{on: on, given: rest != ""}}
	if u.val.arg, err = unquote(rest); err != nil {
		return use{}, false, u.where(err)
	}
	switch {
	case u.val.given && (opt.arg == noArg || !on):
		return use{}, false, u.where(errors.New("takes no argument"))
	case !u.val.given && opt.arg == mustArg:
		return use{}, false, u.where(errors.New("needs an argument"))
	}
	return u, true, nil
}

// unquote takes the quotes off an argument. The only escape is \" inside of them.
func unquote(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		if strings.ContainsAny(s, " \t") {
			return "", fmt.Errorf("argument %q: white space outside of quotes", s)
		}
		return s, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '"':
			if i+1 < len(s) {
				return "", fmt.Errorf("argument %s: text after the closing quote", s)
			}
			return b.String(), nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", fmt.Errorf("argument %s: no closing quote", s)
}
