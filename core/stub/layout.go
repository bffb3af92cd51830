// Package stub builds programs of system calls, loads them into a task and reads their results. The program is data: it
// can be built for any ABI on any host and printed. The interpreter that walks it is arch.Stub. This package makes no
// ptrace calls and knows no concrete architecture.
package stub

// The layout that the stubs of all ABIs share; little endian, words of 64 bits (arch/*/stub_*.s).
const (
	// Thread block: one per thread that runs the stub.
	tcbState  = 0  // u32, futex: what became of the program
	tcbProg   = 8  // address of the first operation, 0 when there is none
	tcbFailed = 16 // address of the operation that failed
	tcbEngine = 24 // address of the engine's robust futex
	tcbFrame  = 32 // address of the signal frame to return to when the engine dies, 0: exit
	tcbWill   = 40 // address of the first operation of what is run before that, 0 for nothing
	// A struct timespec: how long a wait for a word sleeps before it looks whether the engine lives. Only a fresh task runs such
	// waits: interrupted, they overwrite the restart block.
	tcbPatience = 48
	tcbSize     = 64

	opNr     = 0  // u32
	opFlags  = 4  // u32
	opArg    = 8  // six
	opTcb    = 12 // u32, 32-bit ABIs: the thread block, for a stub that has no register left for it
	opResult = 56
	opAux    = 64 // thread block of a clone's child, or the result that flagExpect wants
	opSize   = 72
)

// Flags of an operation. Bit i below 6: argument i is the address of its value.
const (
	flagEnd    = 0x100
	flagWait   = 0x200 // until the word at argument 0 is argument 2
	flagAdd    = 0x400 // argument 1 to the word at argument 0, atomically
	flagClone  = 0x800
	flagIgnore = 0x1000
	flagExpect = 0x2000
)

// State of a thread block.
const (
	StateRunning = 0
	StateDone    = 1
	StateFailed  = 2
)
