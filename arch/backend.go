package arch

// Backend is what a binary can do on the processor it was built for.
type Backend struct {
	ABIs []*ABI // the native one first

	// Xstate is the layout of x86 processors' extended state; nil elsewhere.
	Xstate func() *XstateLayout

	// CPU asks the processor what it is, and CPUNames says what its feature bits mean; nil but on x86.
	CPU      func() *CPU
	CPUNames *CPUNames

	// VforkExec makes a child by clone3 with the clone_args at args (size bytes; CLONE_VM and CLONE_VFORK set) that executes
	// the file open as fd, and returns its PID, or a negative errno of clone3. A child that cannot execute exits with the
	// errno as its status. The addresses are of memory that stays where it is.
	VforkExec func(args, size, fd, path, argv, envp uintptr) int

	SignalNote SignalNote
}

// SignalNote is a signal handler that does no more than to write down the number of its signal. os/signal takes two threads and
// fifty system calls for that, a tenth of what it costs to dump a small process.
type SignalNote struct {
	Handler  uintptr
	Restorer uintptr // sa_restorer; 0 where the kernel has one of its own
	Caught   *uint32 // written by the handler on any thread: to be read atomically
}

// Native is the ABI that the engine itself was built for.
func (b *Backend) Native() *ABI { return b.ABIs[0] }

// Compat is the ABI of 32-bit tasks on a 64-bit kernel, or nil.
func (b *Backend) Compat() *ABI {
	for _, a := range b.ABIs {
		if a.Compat {
			return a
		}
	}
	return nil
}

// XstateLayout says where an x86 processor puts each state component in XSAVE's standard format: index is the component's
// number. A component that it lacks has size 0 (Intel SDM vol. 1, 13.4.3: CPUID leaf 0xd).
type XstateLayout [64]struct{ Size, Offset uint32 }
