package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/kerndat"
)

// check answers for one feature with the exit status and a line on stdout, as CRIU does, or prints all that is known of
// the kernel. What is missing fails as in CRIU: what all tasks need always, what some need with --extra.
func check(s *settings, std streams) int {
	se, ok := begin(cmdCheck, s, std)
	if !ok {
		return exitFailure
	}
	switch {
	case s.feature == "list":
		fmt.Fprintln(std.out, strings.Join(core.FeatureNames(), " "))
		return se.end(nil)
	case s.feature != "":
		err := core.CheckFeature(host.Backend(), s.feature)
		if errors.Is(err, core.ErrUnknownFeature) {
			err = fmt.Errorf("%w%s", err, didYouMean(s.feature, core.FeatureNames()))
		}
		if err == nil && s.verbosity > logNothing {
			fmt.Fprintf(std.out, "%s is supported\n", s.feature)
		}
		return se.end(err)
	}
	ctx, cancel := se.context()
	defer cancel()
	findings, err := core.Check(ctx, host.Backend(), s.core)
	if err != nil {
		return se.end(because(ctx, err))
	}
	printFindings(std.out, findings)
	vdsos, cache := core.VDSOs(host.Backend())
	printVDSOs(std.out, vdsos, cache)
	return se.end(verdict(std.out, findings, s.extra))
}

func printFindings(w io.Writer, findings []core.Finding) {
	heads := [...]string{
		kerndat.Required: "Needed for every task:",
		kerndat.Some:     "Needed for tasks that use it:",
		kerndat.Better:   "Not needed, but better:",
	}
	for need, head := range heads {
		fmt.Fprintln(w, head)
		for _, f := range findings {
			if int(f.Feature.Need()) != need {
				continue
			}
			fmt.Fprintf(w, "  %-7s  %-24s  %s", f.Answer, f.Feature, f.Feature.Use())
			if f.Answer == kerndat.No {
				fmt.Fprintf(w, " (needs %s)", f.Feature.Needs())
			}
			if f.Err != nil {
				fmt.Fprintf(w, ": %v", f.Err)
			}
			fmt.Fprintln(w)
		}
	}
}

func printVDSOs(w io.Writer, all []core.KernelVDSO, cache string) {
	fmt.Fprintln(w, "The kernel's vDSO:")
	for _, v := range all {
		switch {
		case v.Err != nil:
			fmt.Fprintf(w, "  %-7s  unknown: %v\n", v.ABI, v.Err)
			continue
		case len(v.Areas) == 0:
			fmt.Fprintf(w, "  %-7s  none\n", v.ABI)
			continue
		}
		var areas []string
		for _, a := range v.Areas {
			areas = append(areas, fmt.Sprintf("%s %d KiB", a.Name, a.Size()>>10))
		}
		fmt.Fprintf(w, "  %-7s  %s, build ID %x\n", v.ABI, strings.Join(areas, ", "), v.BuildID)
		fmt.Fprintf(w, "  %-7s  %s\n", "", strings.Join(v.Functions, " "))
	}
	if cache != "" {
		fmt.Fprintf(w, "Kept in %s until the next boot.\n", cache)
	}
}

// verdict prints CRIU's words and returns an error for the exit status that goes with them.
func verdict(w io.Writer, findings []core.Finding, extra bool) error {
	var all, some []string
	for _, f := range findings {
		name := f.Feature.String()
		if f.Answer == kerndat.Unknown {
			name += " (not known)"
		}
		switch {
		case !f.Stops():
		case f.Feature.Need() == kerndat.Required:
			all = append(all, name)
		default:
			some = append(some, name)
		}
	}
	switch {
	case len(all) > 0:
		fmt.Fprintln(w, "Does not look good.")
		return errors.New("missing: " + strings.Join(append(all, some...), ", "))
	case len(some) > 0 && extra:
		fmt.Fprintf(w, "Looks good but for %s.\n", strings.Join(some, ", "))
		return errors.New("missing: " + strings.Join(some, ", "))
	}
	fmt.Fprintln(w, "Looks good.")
	return nil
}
