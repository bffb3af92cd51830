package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// proxyCycles are how a program is restored by turns: at home, with trampolines that are near, near again, far, near, and at home.
var proxyCycles = []string{"", "vdso:trampolines", "vdso:trampolines", "vdso:trampolines,far", "vdso:trampolines", ""}

// proxy makes a program a proxy again and again, and brings it home: what is mapped of the vDSO is what is to be, and nothing is left of it.
func proxy(answers bool) func(f *frog) error {
	return func(f *frog) error {
		if f.home == "" {
			return skipped("vDSO: this kernel maps none")
		}
		var first string
		for i, fault := range proxyCycles {
			if err := f.cycle(fault); err != nil {
				return err
			}
			now, err := f.vdso()
			if err != nil {
				return err
			}
			if first == "" && fault != "" {
				first = now
			}
			switch {
			case fault == "" && now != f.home:
				return fmt.Errorf("cycle %d: at home it has\n%sand had\n%s", i, now, f.home)
			case fault != "" && (now == f.home || strings.Count(now, "\n") != strings.Count(first, "\n")):
				return fmt.Errorf("cycle %d: a proxy with\n%safter the first it had\n%s", i, now, first)
			}
			if answers {
				err = f.answer()
			} else {
				time.Sleep(300 * time.Millisecond)
			}
			if err != nil {
				return fmt.Errorf("cycle %d, restored with fault %q: %w", i, fault, err)
			}
		}
		return f.verify()
	}
}

// vdso lists the areas that the kernel makes by itself, and those without a name that cannot be written: what a proxy is made of.
func (f *frog) vdso() (string, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", f.PID))
	var b strings.Builder
	for line := range strings.Lines(string(maps)) {
		w := strings.Fields(line)
		if len(w) == 5 && strings.Contains(w[1], "r") && !strings.Contains(w[1], "w") ||
			len(w) > 5 && (strings.HasPrefix(w[5], "[v") || w[5] == "[sigpage]") {
			b.WriteString(strings.Join(append(w[:2:2], w[5:]...), " ") + "\n")
		}
	}
	return b.String(), err
}
