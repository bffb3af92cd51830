package main

import (
	"fmt"
	"io"

	"woodfrog/arch/host"
	"woodfrog/core"
)

func dump(s *settings, std streams) int {
	se, ok := begin(cmdDump, s, std)
	if !ok {
		return exitFailure
	}
	s.core.Ending = true
	ctx, cancel := se.context()
	defer cancel()
	stats, err := core.Dump(ctx, host.Backend(), s.tree, s.core)
	if err == nil {
		se.log.Info("Dumping finished successfully") // as CRIU: scripts look for it
	}
	status := se.end(because(ctx, err))
	if status == exitOK && s.displayStats {
		printDumpStats(std.out, stats)
	}
	return status
}

func printDumpStats(w io.Writer, st core.DumpStats) {
	fmt.Fprintf(w, "Displaying dump stats:\n")
	fmt.Fprintf(w, "Freezing time: %d us\n", st.Freezing.Microseconds())
	fmt.Fprintf(w, "Frozen time: %d us\n", st.Frozen.Microseconds())
	fmt.Fprintf(w, "Memory dump time: %d us\n", st.MemDump.Microseconds())
	fmt.Fprintf(w, "Memory write time: %d us\n", st.MemWrite.Microseconds())
	fmt.Fprintf(w, "Memory pages scanned: %d (%#[1]x)\n", st.PagesScanned)
	fmt.Fprintf(w, "Memory pages skipped from parent: %d (%#[1]x)\n", st.PagesSkippedParent)
	fmt.Fprintf(w, "Memory pages written: %d (%#[1]x)\n", st.PagesWritten)
}
