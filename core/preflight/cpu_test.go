package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/x86"
	"woodfrog/core/image"
)

func TestCPU(t *testing.T) {
	const remedy = "restore on a machine that has all of it, or, if the processes can do without, with --cpu-cap=none"
	own := &arch.CPU{Vendor: "GenuineIntel", Features: 1<<0 | 1<<1 | 1<<2}
	own.Words[9] = 1<<5 | 1<<9 // avx2, erms
	check := func(o CPUOptions, change func(c *arch.CPU)) error {
		c := *own
		change(&c)
		o.Image, o.Own, o.Names = image.CPUEntry(&c), own, &x86.CPUNames
		return CPU(o)
	}
	nothing := func(*arch.CPU) {}
	all := CPUOptions{Registers: true, Instructions: true, Same: true, Asked: true}
	require.NoError(t, check(all, nothing))

	more := func(c *arch.CPU) {
		c.Features |= 1<<5 | 1<<6
		c.Words[9] |= 1<<16 | 1<<2
	}
	registers := Obstacle{0, "processor", "lacks registers of the image's: AVX-512 opmask, AVX-512 ZMM_Hi256", remedy}
	instructions := Obstacle{0, "processor", "lacks instructions of the image's: avx512f", remedy}
	require.Equal(t, Obstacles{registers}, check(CPUOptions{Registers: true}, more))
	require.Equal(t, Obstacles{instructions}, check(CPUOptions{Instructions: true}, more))
	require.Equal(t, Obstacles{registers, instructions, {0, "processor", "lacks features of the image's: CPUID 7.EBX[2]", remedy}}, check(all, more))
	require.NoError(t, check(CPUOptions{}, more))

	less := func(c *arch.CPU) { c.Words[9] = 0 }
	require.NoError(t, check(CPUOptions{Registers: true, Instructions: true}, less))
	require.Equal(t, Obstacles{
		{0, "processor", "has features that the image's has not: CPUID 7.EBX[9]", remedy},
		{0, "processor", "has instructions that the image's has not: avx2", remedy},
	}, check(all, less))

	require.NoError(t, CPU(CPUOptions{Own: own, Names: &x86.CPUNames, Instructions: true}))
	require.ErrorContains(t, CPU(CPUOptions{Own: own, Names: &x86.CPUNames, Instructions: true, Asked: true}), "cpuinfo.img: not in the image")

	old := image.CPUEntry(own)
	old.X86Entry[0].CapabilityVer = 1
	require.ErrorContains(t, CPU(CPUOptions{Image: old, Own: own, Names: &x86.CPUNames}), "cpuinfo.img: capability_ver: 1 with 19 words: not served")
	require.ErrorContains(t, CPU(CPUOptions{Image: &image.CpuinfoEntry{}, Own: own}), "cpuinfo.img: x86_entry: 0 of them")
	odd := image.CPUEntry(own)
	odd.X86Entry[0].XfeaturesMask = new(uint64(1 << 40))
	require.ErrorContains(t, CPU(CPUOptions{Image: odd, Own: own, Names: &x86.CPUNames}), "xfeatures_mask")
}
