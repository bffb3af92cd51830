package arch

import "slices"

// Breakpoints is a kernel's way of letting a tracer set the hardware breakpoints of a thread.
type Breakpoints uint8

const (
	NoBreakpoints   Breakpoints = iota
	BreakpointNote              // by the register set NT_ARM_HW_BREAK, of arm64
	BreakpointPairs             // by PTRACE_SETHBPREGS, of arm
	DebugRegisters              // in struct user, of x86
)

// Ahead are addresses, at most so many, of which a thread that goes on from here is sure to come to one, as far on as can be: breakpoints there
// let it run at its own speed, loops on the way, too. They are where code leads out of what is within, jumps to an address that is not in the
// instruction, or branches once more than there are breakpoints for. ways returns the addresses that can follow an instruction, none if
// they are not in it. There is nothing ahead if that is so here.
func Ahead(here uint64, most int, within func(pc uint64) bool, ways func(at uint64) ([]uint64, error)) []uint64 {
	const longest = 4 << 10 // instructions
	passed := map[uint64]bool{}
	known := map[uint64][]uint64{}
	stops := []uint64{here}
	// past returns what is ahead once that stop is not one any more.
	past := func(i int) ([]uint64, bool) {
		at := stops[i]
		if len(passed) > 0 && !within(at) {
			return nil, false
		}
		on, ok := known[at]
		if !ok {
			on, _ = ways(at)
			known[at] = on
		}
		next := slices.Delete(slices.Clone(stops), i, i+1)
		for _, to := range on {
			if to != at && !passed[to] && !slices.Contains(next, to) {
				next = append(next, to)
			}
		}
		return next, len(on) > 0
	}
	for len(passed) < longest {
		best, chosen := []uint64(nil), -1
		for i := range stops {
			if next, ok := past(i); ok && len(next) <= most && (chosen < 0 || len(next) < len(best)) {
				best, chosen = next, i
			}
		}
		if chosen < 0 {
			break
		}
		passed[stops[chosen]] = true
		stops = best
	}
	if len(passed) == 0 {
		return nil
	}
	return stops
}
