package linux

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"
)

// EffectiveCapabilities are those of the calling thread, bit n for capability n, as CapEff in /proc/PID/status has them.
func EffectiveCapabilities() (uint64, error) {
	c, err := capget()
	return uint64(c[1].Effective)<<32 | uint64(c[0].Effective), err
}

// MakeAmbient makes some permitted capabilities of the calling thread ambient: a program without any of its own keeps those and no others when
// it is executed by a user that is not root (capabilities(7)). undo makes the calling thread's sets what they were.
func MakeAmbient(set uint64) (undo func() error, err error) {
	old, err := capget()
	if err != nil {
		return nil, err
	}
	now := old
	now[0].Inheritable |= uint32(set)
	now[1].Inheritable |= uint32(set >> 32)
	if err := capset(now); err != nil {
		return nil, fmt.Errorf("make capabilities inheritable: %w", err)
	}
	var raised []int
	undo = func() error {
		var errs []error
		for _, n := range raised {
			errs = append(errs, unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, uintptr(n), 0, 0))
		}
		return errors.Join(append(errs, capset(old))...)
	}
	for ; set != 0; set &= set - 1 {
		n := bits.TrailingZeros64(set)
		if is, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, uintptr(n), 0, 0); err == nil && is == 1 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0); err != nil {
			return nil, errors.Join(fmt.Errorf("make capability %d ambient: %w", n, err), undo())
		}
		raised = append(raised, n)
	}
	return undo, nil
}

func capget() (c [2]unix.CapUserData, err error) {
	return c, unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &c[0])
}

func capset(c [2]unix.CapUserData) error {
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &c[0])
}
