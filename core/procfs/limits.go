package procfs

import "fmt"

// RlimInfinity is how "unlimited" is given: RLIM64_INFINITY.
const RlimInfinity = ^uint64(0)

// NumLimits is RLIM_NLIMITS (include/uapi/asm-generic/resource.h).
const NumLimits = 16

// A Limit is one resource limit in the unit that setrlimit(2) takes.
type Limit struct{ Soft, Hard uint64 }

// Limits is /proc/PID/limits, indexed by RLIMIT_*.
type Limits [NumLimits]Limit

// limitNames is lnames of fs/proc/base.c.
var limitNames = [NumLimits]string{
	"Max cpu time", "Max file size", "Max data size", "Max stack size", "Max core file size", "Max resident set",
	"Max processes", "Max open files", "Max locked memory", "Max address space", "Max file locks",
	"Max pending signals", "Max msgqueue size", "Max nice priority", "Max realtime priority", "Max realtime timeout",
}

// LimitName is the kernel's name of limit i (RLIMIT_*).
func LimitName(i int) string { return limitNames[i] }

// The kernel prints a row as "%-25s %-20s %-20s %-10s".
const limitNameWidth = 25

// ParseLimits parses /proc/PID/limits. Rows of other names are skipped, each of the sixteen must be there once.
func ParseLimits(b []byte) (Limits, error) {
	var limits Limits
	var seen uint32
	line, b := cutLine(b) // headings
	if len(line) == 0 {
		return limits, fmt.Errorf("line 1: no headings")
	}
	for n := 2; len(b) > 0; n++ {
		line, b = cutLine(b)
		if len(line) <= limitNameWidth {
			return limits, lineError(n, fmt.Errorf("short row %q", clip(line)))
		}
		i := limitIndex(line[:limitNameWidth])
		if i < 0 {
			continue
		}
		f := fields{rest: line[limitNameWidth:], n: 1}
		limits[i] = Limit{Soft: f.limit(), Hard: f.limit()}
		if f.err == nil && seen&(1<<i) != 0 {
			f.fail("%s is given twice", limitNames[i])
		}
		if f.err != nil {
			return limits, lineError(n, f.err)
		}
		seen |= 1 << i
	}
	for i, name := range limitNames {
		if seen&(1<<i) == 0 {
			return limits, fmt.Errorf("%s is missing", name)
		}
	}
	return limits, nil
}

func limitIndex(column []byte) int {
	end := len(column)
	for end > 0 && column[end-1] == ' ' {
		end--
	}
	for i, name := range limitNames {
		if name == string(column[:end]) {
			return i
		}
	}
	return -1
}

func (f *fields) limit() uint64 {
	w := f.word()
	if string(w) == "unlimited" {
		return RlimInfinity
	}
	return f.value(w, 10, RlimInfinity)
}
