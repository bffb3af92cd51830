package ptrace

import (
	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// debugRegisters are the breakpoints of x86 (Intel SDM vol. 3, 19.2): four addresses and a control word. In that, zeroes say that it is one byte
// that is executed.
type debugRegisters struct{}

const (
	numDebugAddresses = 4
	debugControl      = 7
	debugEnable       = 1 // of the first one, two bits each

	// The debug registers in struct user of 64-bit tracers (arch/x86/include/asm/user_64.h), whatever the tracee's words are.
	userDebugReg  = 848
	debugRegBytes = 8
)

func (d debugRegisters) count(tid int) (int, error) {
	return numDebugAddresses, d.write(tid, debugControl, 0)
}

func (d debugRegisters) set(tid int, to []uint64, enable bool) error {
	control := uint64(0)
	if enable {
		for n, at := range to {
			switch err := d.write(tid, n, at); err {
			case nil:
			case unix.EINVAL: // an address of the kernel's, to which code that is the program's own may seem to lead
				return ErrNoBreakpoints
			default:
				return err
			}
			control |= debugEnable << (2 * n)
		}
	}
	return d.write(tid, debugControl, control)
}

func (debugRegisters) write(tid, n int, v uint64) error {
	return linux.PokeUser(tid, userDebugReg+n*debugRegBytes, v)
}
