package image

import (
	"fmt"
	"slices"
	"strings"

	"woodfrog/arch"
)

// March is the machine of an ABI in CoreEntry.
func March(abi *arch.ABI) CoreEntryMarch {
	for _, m := range machines {
		if abi.Name == m.abi || abi.Name == m.compat {
			return m.march
		}
	}
	return CoreEntry_UNKNOWN
}

// ABIOf is the one of abis whose task the image of a thread or zombie is of; nil if it is none of theirs. What says only which
// processor it was is taken for the first one's.
func ABIOf(c *CoreEntry, abis []*arch.ABI) *arch.ABI {
	i := slices.IndexFunc(abis, func(a *arch.ABI) bool {
		if c.Mtype != March(a) {
			return false
		}
		if c.ThreadInfo == nil || c.ThreadInfo.Gpregs == nil || c.ThreadInfo.Gpregs.Mode == nil {
			return true
		}
		return c.compat() == a.Compat
	})
	if i < 0 {
		return nil
	}
	return abis[i]
}

// PutRegs stores the register sets of a thread of abi, in the order of its table, and the address of clear_child_tid. What
// CRIU's messages have no room for is returned.
func PutRegs(c *CoreEntry, abi *arch.ABI, layout *arch.XstateLayout, regs [][]byte, clearTid uint64) (rest *XstateEntry, err error) {
	c.Mtype = March(abi)
	m := machineOf(c)
	switch {
	case m.in != nil:
		rest = putSets(c, abi, regs, m.in)
	case m.abi != "":
		if c.ThreadInfo, rest, err = x86Put(regs, layout); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("registers of %s: not served yet", abi.Name)
	}
	*m.tid(c) = clearTid
	return rest, nil
}

// TakeRegs is the reverse of PutRegs; sizes are those of the register sets where the thread is restored. All but the first, the
// general registers, may be in room, which those of another thread can have then.
func TakeRegs(c *CoreEntry, abi *arch.ABI, layout *arch.XstateLayout, rest *XstateEntry, sizes []int, room []byte) (regs [][]byte, err error) {
	m := machineOf(c)
	switch {
	case c.Mtype != March(abi):
		return nil, fmt.Errorf("mtype: %d is not %s", c.Mtype, abi.Name)
	case m.in != nil:
		return takeSets(c, abi, rest, sizes, m.in)
	case m.abi != "":
		return x86Take(c.ThreadInfo, abi, layout, rest, sizes, room)
	}
	return nil, fmt.Errorf("registers of %s: not served yet", abi.Name)
}

// ClearTid is the address of clear_child_tid.
func ClearTid(c *CoreEntry) uint64 {
	if at := machineOf(c).tid(c); at != nil {
		return *at
	}
	return 0
}

// RegWord is the value of a register set of one word.
func RegWord(c *CoreEntry, set *arch.RegSet) uint64 {
	var b [8]byte
	stored, _ := StoredSet(c, set, nil) // one that is no good was refused when it was loaded
	copy(b[:], stored)
	return order.Uint64(b[:])
}

// MissingRegisters names state of a thread's registers that is in use and that the processor of layout does not have; "" if there is
// none. Only x86 has such.
func MissingRegisters(c *CoreEntry, layout *arch.XstateLayout) string {
	if layout == nil || c.ThreadInfo == nil || c.ThreadInfo.Fpregs == nil || c.ThreadInfo.Fpregs.Xsave == nil {
		return ""
	}
	if missing := inUse(c.ThreadInfo.Fpregs.Xsave, layout) &^ features(layout); missing != 0 {
		return xstateName(firstBit(missing))
	}
	return ""
}

// OtherProcessor says whether a thread's image may be of a processor with other state components than those of layout. CRIU's images do not say,
// unless one is in use.
func OtherProcessor(c *CoreEntry, layout *arch.XstateLayout) bool {
	if layout == nil || c.ThreadInfo == nil || c.ThreadInfo.Fpregs == nil || c.ThreadInfo.Fpregs.Xsave == nil {
		return false
	}
	fp := c.ThreadInfo.Fpregs
	if fp.Xsave.XstateBv&^features(layout) != 0 {
		return true
	}
	const at = (fxXCR0 - fxPadding) / 4
	return len(fp.Padding) >= at+2 && uint64(fp.Padding[at+1])<<32|uint64(fp.Padding[at]) != features(layout)
}

// Registers names state components, a mask.
func Registers(mask uint64) string {
	var names []string
	for ; mask != 0; mask &= mask - 1 {
		names = append(names, xstateName(firstBit(mask)))
	}
	return strings.Join(names, ", ")
}
