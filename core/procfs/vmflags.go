package procfs

import "strings"

// VmFlags is the set of two-letter codes in the VmFlags line of smaps. The bits are this package's own, not the kernel's vm_flags.
type VmFlags uint64

// The codes of Documentation/filesystems/proc.rst and fs/proc/task_mmu.c (show_smap_vma_flags), in the order the kernel prints them.
const (
	VmRead        VmFlags = 1 << iota // rd
	VmWrite                           // wr
	VmExec                            // ex
	VmShared                          // sh
	VmMayRead                         // mr
	VmMayWrite                        // mw
	VmMayExec                         // me
	VmMayShare                        // ms
	VmGrowsDown                       // gd
	VmPfnMap                          // pf
	VmDenyWrite                       // dw, until 5.15
	VmMaybeGuard                      // gu, since 6.19
	VmLocked                          // lo
	VmIO                              // io
	VmSeqRead                         // sr
	VmRandRead                        // rr
	VmDontCopy                        // dc
	VmDontExpand                      // de
	VmLockOnFault                     // lf
	VmAccount                         // ac
	VmNoReserve                       // nr
	VmHugetlb                         // ht
	VmSync                            // sf
	VmArch1                           // ar
	VmWipeOnFork                      // wf
	VmDontDump                        // dd
	VmArm64BTI                        // bt
	VmSoftDirty                       // sd
	VmMixedMap                        // mm
	VmHugepage                        // hg
	VmNoHugepage                      // nh
	VmMergeable                       // mg
	VmUffdMissing                     // um
	VmUffdWP                          // uw
	VmMTE                             // mt
	VmUffdMinor                       // ui
	VmShadowStack                     // ss, since 6.6
	VmDroppable                       // dp, since 6.11
	VmSealed                          // sl
	VmNonlinear                       // nl
	VmMPX                             // mp
	vmKnown               = iota

	// VmUnknown says that the kernel printed a code that is none of these.
	VmUnknown VmFlags = 1 << 63
)

var vmNames = [vmKnown]string{
	"rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "pf", "dw", "gu", "lo", "io", "sr", "rr", "dc", "de", "lf", "ac", "nr",
	"ht", "sf", "ar", "wf", "dd", "bt", "sd", "mm", "hg", "nh", "mg", "um", "uw", "mt", "ui", "ss", "dp", "sl", "nl", "mp",
}

// vmBits finds a code's bit by its two letters; zero is an unknown code.
var vmBits = func() (bits [26 * 26]VmFlags) {
	for i, name := range vmNames {
		bits[int(name[0]-'a')*26+int(name[1]-'a')] = 1 << i
	}
	return bits
}()

// VmFlagsOf is the bit of a code; VmUnknown for one that no kernel prints.
func VmFlagsOf(code string) VmFlags { return parseVmFlags([]byte(code)) }

// Has tells whether all of want are set.
func (v VmFlags) Has(want VmFlags) bool { return v&want == want }

// String prints the codes as the kernel does, unknown ones as "??".
func (v VmFlags) String() string {
	var s strings.Builder
	for i, name := range vmNames {
		if v&(1<<i) != 0 {
			s.WriteString(name)
			s.WriteByte(' ')
		}
	}
	if v&VmUnknown != 0 {
		s.WriteString("?? ")
	}
	return strings.TrimSuffix(s.String(), " ")
}

func parseVmFlags(b []byte) VmFlags {
	var v VmFlags
	for b = skipBlanks(b); len(b) >= 2; b = skipBlanks(b[2:]) {
		bit := VmUnknown
		if x, y := b[0]-'a', b[1]-'a'; x < 26 && y < 26 {
			if known := vmBits[int(x)*26+int(y)]; known != 0 {
				bit = known
			}
		}
		v |= bit
	}
	if len(b) > 0 {
		v |= VmUnknown
	}
	return v
}
