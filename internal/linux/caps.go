package linux

import "golang.org/x/sys/unix"

// EffectiveCapabilities are those of the calling thread, bit n for capability n, as CapEff in /proc/PID/status has them.
func EffectiveCapabilities() (uint64, error) {
	var c [2]unix.CapUserData
	err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &c[0])
	return uint64(c[1].Effective)<<32 | uint64(c[0].Effective), err
}
