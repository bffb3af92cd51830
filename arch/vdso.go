package arch

// VDSO is what an ABI has to say about its vDSO: how the kernel is told to map it, and the code that goes over the functions of
// an image's vDSO when another one serves the task. Code is for address at and is called as the function it replaces: what a
// function may clobber it may clobber. Bit 0 of at and target is set in Thumb code, where it is the symbol's.
type VDSO struct {
	// MapCode is the arch_prctl code that maps the group at an address (ARCH_MAP_VDSO_*); 0 where there is none.
	MapCode uint64
	// Reach is how far Near gets, bytes either way.
	Reach uint64
	// Near is one branch to target, nil if that is out of reach.
	Near func(at, target uint64) []byte
	// Far is a jump to any target.
	Far func(at, target uint64) []byte
	// Call makes system call nr with the function's arguments and returns what it returns, as the vDSO does.
	Call func(at uint64, nr int) []byte
	// CallRandom is Call for getrandom of the vDSO: the query for the size of its state (opaque_len all ones) gets -ENOSYS.
	// nil: the ABI's vDSO has no getrandom.
	CallRandom func(at uint64, nr int) []byte
	// Fail returns -ENOSYS; nil where no function of the ABI may do so.
	Fail func(at uint64) []byte
	// Vsyscall is what ia32's __kernel_vsyscall, whose code is given, becomes when it cannot count on the kernel that it came
	// from; nil elsewhere.
	Vsyscall func(code []byte) []byte
	// Returns says that handlers return through the kernel's own vDSO, whatever they were set up with: without its code there, no signal can
	// be handled.
	Returns bool
	// VsyscallLeave are the bytes in __kernel_vsyscall, from and up to, that only the patched one has: a thread that is about to execute one
	// of them is to be stepped on. It makes no system call by that. Code of other functions has none.
	VsyscallLeave func(code []byte) (from, to int)
	// Signature are the bits of a return address that may hold its signature (pointer authentication); 0 where there is no such thing.
	Signature uint64
	// GoCalls are functions whose code uses the register in which Go keeps its g, in any kernel's vDSO. GoG is its offset in NT_PRSTATUS, bytes.
	GoCalls map[string]bool
	GoG     int
	// SystemCalls are the calls by the names that core/vdso has for them.
	SystemCalls map[string]Call
}
