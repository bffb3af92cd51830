package image

import "slices"

// A machine is a processor that CRIU has messages for.
type machine struct {
	march CoreEntryMarch
	// tid is where a core has the address of clear_child_tid; nil without registers of this machine.
	tid func(*CoreEntry) *uint64

	// Of those that a backend is written for:

	abi    string // its name
	compat string // of the ABI of 32-bit tasks with the same message
	space  uint64 // the largest address space that Linux gives a task, bytes
	in     places // where the message has register sets; nil on x86, which has ways of its own
}

var machines = []machine{
	{CoreEntry_X86_64, func(c *CoreEntry) *uint64 { return tid(c.ThreadInfo) }, "x86_64", "i386", 1 << 56, nil}, // five-level page tables
	{CoreEntry_AARCH64, func(c *CoreEntry) *uint64 { return tid(c.TiAarch64) }, "aarch64", "", 1 << 52, aarch64Places},
	{CoreEntry_ARM, func(c *CoreEntry) *uint64 { return tid(c.TiArm) }, "arm", "", 1 << 32, armPlaces},
	{CoreEntry_PPC64, func(c *CoreEntry) *uint64 { return tid(c.TiPpc64) }, "ppc64le", "", 1 << 52, ppc64Places},
	{march: CoreEntry_S390, tid: func(c *CoreEntry) *uint64 { return tid(c.TiS390) }},
	{march: CoreEntry_MIPS, tid: func(c *CoreEntry) *uint64 { return tid(c.TiMips) }},
	{march: CoreEntry_LOONGARCH64, tid: func(c *CoreEntry) *uint64 { return tid(c.TiLoongarch64) }},
	{march: CoreEntry_RISCV64, tid: func(c *CoreEntry) *uint64 { return tid(c.TiRiscv64) }},
}

// tid is the first field of a thread's registers in CRIU's message, whatever machine they are of.
func tid[T any, P messageOf[T]](registers P) *uint64 {
	if registers == nil {
		return nil
	}
	at, _ := registers.field(0).(*uint64)
	return at
}

// machineOf is the machine of a core; one that nothing is known of for a number that is none.
func machineOf(c *CoreEntry) machine {
	i := slices.IndexFunc(machines, func(m machine) bool { return m.march == c.Mtype })
	if i < 0 {
		return machine{march: c.Mtype, tid: func(*CoreEntry) *uint64 { return nil }}
	}
	return machines[i]
}

// compat says that a core is of a 32-bit task with the message of a 64-bit one.
func (c *CoreEntry) compat() bool {
	return c.ThreadInfo != nil && c.ThreadInfo.Gpregs != nil && c.ThreadInfo.Gpregs.Mode != nil && *c.ThreadInfo.Gpregs.Mode == UserX86RegsMode_COMPAT
}

// archName is the kernel's name of the processor the task runs on, as far as the core tells.
func archName(c *CoreEntry) string {
	m := machineOf(c)
	switch {
	case m.abi == "":
		return c.Mtype.String()
	case c.compat():
		return m.compat
	}
	return m.abi
}

// largestTask is the largest address space that Linux gives a task on the processor of a core.
func largestTask(core *CoreEntry) uint64 {
	if m := machineOf(core); m.space != 0 {
		return m.space
	}
	return 1 << 63
}
