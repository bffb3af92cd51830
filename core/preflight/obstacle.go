package preflight

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Obstacle is one thing that keeps a tree from being dumped or restored, with what the user can do about it.
type Obstacle struct {
	Pid    int    // 0 where no single task is meant
	Thing  string // what is in the way: "fd 3", "vma 7f00-7f10", "session 12"
	Cause  string
	Remedy string // empty where there is none
}

func (o Obstacle) Error() string {
	text := visible(o.Thing + ": " + o.Cause)
	if o.Pid == 0 {
		return text
	}
	return fmt.Sprintf("task %d: %s", o.Pid, text)
}

// visible writes control characters out: names of tasks and files are in a text, and a line or a terminal's command of their own is not theirs
// to write.
func visible(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// Obstacles is the error that names all obstacles at once, one on each line.
type Obstacles []Obstacle

func (os Obstacles) Error() string {
	var b strings.Builder
	for i, o := range os {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(o.Error())
	}
	return b.String()
}

// Err is os, or nil where there are none.
func (os Obstacles) Err() error {
	if len(os) == 0 {
		return nil
	}
	return os
}

// Unwrap lets errors.As find a single Obstacle.
func (os Obstacles) Unwrap() []error {
	errs := make([]error, len(os))
	for i, o := range os {
		errs[i] = o
	}
	return errs
}

// ByRemedy puts those together that have the same remedy, in the order of the first of each.
func (os Obstacles) ByRemedy() (groups []Obstacles) {
	at := map[string]int{}
	for _, o := range os {
		i, known := at[o.Remedy]
		if !known {
			i = len(groups)
			at[o.Remedy] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], o)
	}
	return groups
}

// Remedies returns the remedies in the order of the obstacles, each once.
func (os Obstacles) Remedies() []string {
	var out []string
	seen := make(map[string]bool)
	for _, o := range os {
		if o.Remedy != "" && !seen[o.Remedy] {
			seen[o.Remedy] = true
			out = append(out, visible(o.Remedy))
		}
	}
	return out
}
