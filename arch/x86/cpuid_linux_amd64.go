//go:build linux && amd64

package x86

import (
	"sync"

	"woodfrog/arch"
)

func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xstateLayout asks the processor, once: a hypervisor answers instead, which takes some microseconds for each CPUID (Intel SDM vol. 1,
// 13.4.3; EBX of a supervisor component is 0, it has no place in the standard format).
var xstateLayout = sync.OnceValue(func() *arch.XstateLayout {
	l := &arch.XstateLayout{}
	if top, _, _, _ := cpuid(0, 0); top < 0xd {
		return l
	}
	lo, _, _, hi := cpuid(0xd, 0)
	for n := 2; n < 63; n++ {
		if (uint64(hi)<<32|uint64(lo))>>n&1 != 0 {
			l[n].Size, l[n].Offset, _, _ = cpuid(0xd, uint32(n))
		}
	}
	return l
})
