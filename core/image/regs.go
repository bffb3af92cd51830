package image

import (
	"fmt"
	"slices"

	"woodfrog/arch"
)

// March is the machine of an ABI in CoreEntry.
func March(abi *arch.ABI) CoreEntryMarch {
	switch abi.Name {
	case "x86_64", "i386":
		return CoreEntry_X86_64
	case "aarch64":
		return CoreEntry_AARCH64
	case "arm":
		return CoreEntry_ARM
	case "ppc64le":
		return CoreEntry_PPC64
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
		return (*c.ThreadInfo.Gpregs.Mode == UserX86RegsMode_COMPAT) == a.Compat
	})
	if i < 0 {
		return nil
	}
	return abis[i]
}

// PutRegs stores the register sets of a thread of abi, in the order of its table, and the address of clear_child_tid. What
// CRIU's messages have no room for is returned.
func PutRegs(c *CoreEntry, abi *arch.ABI, layout *arch.XstateLayout, regs [][]byte, clearTid uint64) (*XstateEntry, error) {
	c.Mtype = March(abi)
	switch c.Mtype {
	case CoreEntry_X86_64:
		ti, rest, err := X86ThreadInfo(regs[0], regs[1], layout)
		if err != nil {
			return nil, err
		}
		ti.ClearTidAddr = clearTid
		if len(regs) > 2 {
			if ti.Tls, err = X86TLS(regs[2]); err != nil {
				return nil, err
			}
		}
		c.ThreadInfo = ti
		return rest, nil
	case CoreEntry_AARCH64:
		rest := putSets(c, abi, regs, aarch64Places)
		c.TiAarch64.ClearTidAddr = clearTid
		return rest, nil
	case CoreEntry_ARM:
		rest := putSets(c, abi, regs, armPlaces)
		c.TiArm.ClearTidAddr = clearTid
		return rest, nil
	case CoreEntry_PPC64:
		rest := putSets(c, abi, regs, ppc64Places)
		c.TiPpc64.ClearTidAddr = clearTid
		return rest, nil
	}
	return nil, fmt.Errorf("registers of %s: not served yet", abi.Name)
}

// TakeRegs is the reverse of PutRegs; sizes are those of the register sets where the thread is restored.
func TakeRegs(c *CoreEntry, abi *arch.ABI, layout *arch.XstateLayout, rest *XstateEntry, sizes []int) (regs [][]byte, err error) {
	if c.Mtype != March(abi) {
		return nil, fmt.Errorf("mtype: %d is not %s", c.Mtype, abi.Name)
	}
	switch c.Mtype {
	case CoreEntry_X86_64:
		if c.ThreadInfo == nil || c.ThreadInfo.Gpregs == nil || c.ThreadInfo.Fpregs == nil {
			return nil, fmt.Errorf("thread_info: missing")
		}
		gpr, err := X86Prstatus(c.ThreadInfo.Gpregs)
		if err != nil {
			return nil, err
		}
		xstate, err := X86Xstate(c.ThreadInfo.Fpregs, rest, layout, sizes[1])
		if err != nil {
			return nil, err
		}
		if len(gpr) != abi.RegSets[0].Size {
			return nil, fmt.Errorf("thread_info.gpregs.mode: not of %s", abi.Name)
		}
		regs = [][]byte{gpr, xstate}
		if len(abi.RegSets) > 2 {
			tls, err := x86Areas(c.ThreadInfo.Tls)
			if err != nil {
				return nil, err
			}
			regs = append(regs, tls)
		}
		return regs, nil
	case CoreEntry_AARCH64:
		return takeSets(c, abi, rest, sizes, aarch64Places)
	case CoreEntry_ARM:
		return takeSets(c, abi, rest, sizes, armPlaces)
	case CoreEntry_PPC64:
		return takeSets(c, abi, rest, sizes, ppc64Places)
	}
	return nil, fmt.Errorf("registers of %s: not served yet", abi.Name)
}

// ClearTid is the address of clear_child_tid.
func ClearTid(c *CoreEntry) uint64 {
	switch {
	case c.ThreadInfo != nil:
		return c.ThreadInfo.ClearTidAddr
	case c.TiAarch64 != nil:
		return c.TiAarch64.ClearTidAddr
	case c.TiArm != nil:
		return c.TiArm.ClearTidAddr
	case c.TiPpc64 != nil:
		return c.TiPpc64.ClearTidAddr
	}
	return 0
}

// RegSet is what CRIU's message has of a register set; nil where it has none of it, and on x86.
func RegSet(c *CoreEntry, set *arch.RegSet) []byte {
	var in places
	switch c.Mtype {
	case CoreEntry_AARCH64:
		in = aarch64Places
	case CoreEntry_ARM:
		in = armPlaces
	case CoreEntry_PPC64:
		in = ppc64Places
	default:
		return nil
	}
	b, err := readWords(in(c, set.Note, false), set.Size)
	if err != nil {
		return nil
	}
	return b
}

// RegWord is the value of a register set of one word.
func RegWord(c *CoreEntry, set *arch.RegSet) uint64 {
	var b [8]byte
	copy(b[:], RegSet(c, set))
	return order.Uint64(b[:])
}

// MissingRegisters names state of a thread's registers that is in use and that the processor of layout does not have; "" if there is
// none. Only x86 has such.
func MissingRegisters(c *CoreEntry, layout *arch.XstateLayout) string {
	if layout == nil || c.ThreadInfo == nil || c.ThreadInfo.Fpregs == nil || c.ThreadInfo.Fpregs.Xsave == nil {
		return ""
	}
	if missing := c.ThreadInfo.Fpregs.Xsave.XstateBv &^ features(layout); missing != 0 {
		return xstateName(firstBit(missing))
	}
	return ""
}
