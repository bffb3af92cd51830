package arch

// CPU is what an x86 processor says of itself, as far as CRIU's cpuinfo.img has room for it.
type CPU struct {
	Vendor, Name            string // by CPUID: GenuineIntel and what is sold under which name
	Family, Model, Stepping uint32
	Words                   [CPUWords]uint32 // registers with feature bits, in the order of that image's capability_ver 2
	Features                uint64           // the state components that XSAVE knows
	XsaveSize, XsaveMax     uint32           // bytes: of those that are on, of all
}

// CPUWords is how many there are.
const CPUWords = 19

// CPUNames says what feature bits mean.
type CPUNames struct {
	// Instructions are the bits that stand for instructions of programs, by word and bit, under the kernel's names.
	Instructions map[[2]int]string
	// Registers are those that the words are of; "" for one that no register is.
	Registers [CPUWords]string
}
