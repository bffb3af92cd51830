package image

import "woodfrog/arch"

// capabilityVer is the version of the order of feature words in cpuinfo.img.
const capabilityVer = 2

// cpuinfoFeatures are the state components that the image tells: those that CRIU's messages have room for, but for SSE, which CRIU leaves out and
// would take for one that no processor has.
const cpuinfoFeatures = 1<<0 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<9

// CPUEntry is the image of a processor.
func CPUEntry(c *arch.CPU) *CpuinfoEntry {
	features := c.Features & cpuinfoFeatures
	e := &CpuinfoX86Entry{
		CpuFamily: c.Family, Model: c.Model, Stepping: c.Stepping, CapabilityVer: capabilityVer, Capability: c.Words[:],
		ModelId: &c.Name, XfeaturesMask: &features, XsaveSize: &c.XsaveSize, XsaveSizeMax: &c.XsaveMax,
	}
	switch c.Vendor {
	case "GenuineIntel":
		e.VendorId = CpuinfoX86Entry_INTEL
	case "AuthenticAMD":
		e.VendorId = CpuinfoX86Entry_AMD
	}
	return &CpuinfoEntry{X86Entry: []*CpuinfoX86Entry{e}}
}

// CPU is the reverse, without what programs do not depend on: the maker and the names of models.
func (e *CpuinfoEntry) CPU() (*arch.CPU, error) {
	if len(e.X86Entry) != 1 {
		return nil, fault(Cpuinfo, 0, "x86_entry: %d of them: want 1", len(e.X86Entry))
	}
	x := e.X86Entry[0]
	if x.CapabilityVer != capabilityVer || len(x.Capability) != arch.CPUWords {
		return nil, fault(Cpuinfo, 0, "capability_ver: %d with %d words: not served", x.CapabilityVer, len(x.Capability))
	}
	c := &arch.CPU{}
	copy(c.Words[:], x.Capability)
	if x.XfeaturesMask != nil {
		c.Features = *x.XfeaturesMask
	}
	if x.XsaveSize != nil {
		c.XsaveSize = *x.XsaveSize
	}
	if c.Features&^cpuinfoFeatures&^legacyMask != 0 {
		return nil, fault(Cpuinfo, 0, "xfeatures_mask: %#x: not all of that is known", c.Features)
	}
	return c, nil
}
