package image

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/aarch64"
	"woodfrog/arch/ppc64"
	"woodfrog/test/abis"
)

// holes are bytes that hold nothing, or nothing that a task has.
var holes = map[*arch.ABI]map[uint32][][2]int{
	aarch64.AArch64: {ntPrfpreg: {{520, 528}}},
	ppc64.PPC64LE:   {ntPrstatus: {{39 * 8, 40 * 8}, {41 * 8, 48 * 8}}, ntPpcVmx: {{532, 544}}},
}

// rowed are the ABIs whose registers are rows of words.
func rowed() []*arch.ABI {
	return slices.DeleteFunc(slices.Clone(abis.All), func(a *arch.ABI) bool { return March(a) == CoreEntry_X86_64 })
}

// randomSets fills every register set; SVE says that it is in use.
func randomSets(abi *arch.ABI) (regs [][]byte, sizes []int) {
	for _, set := range abi.RegSets {
		b := make([]byte, set.Size)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		if set.Varies {
			binary.LittleEndian.PutUint16(b[12:], 1)
		}
		for _, r := range holes[abi][set.Note] {
			clear(b[r[0]:r[1]])
		}
		regs, sizes = append(regs, b), append(sizes, len(b))
	}
	return regs, sizes
}

// TestRegisterSets: whatever registers hold comes back, through the encoded message.
func TestRegisterSets(t *testing.T) {
	for _, abi := range rowed() {
		for range 20 {
			regs, sizes := randomSets(abi)
			c := &CoreEntry{ThreadCore: &ThreadCoreEntry{}}
			rest, err := PutRegs(c, abi, nil, regs, 0x1234)
			require.NoError(t, err)
			require.EqualValues(t, 0x1234, ClearTid(c))
			encoded, err := Marshal(c)
			require.NoError(t, err)
			back := new(CoreEntry)
			require.NoError(t, Unmarshal(encoded, back))
			got, err := TakeRegs(back, abi, nil, rest, sizes, nil)
			require.NoError(t, err)
			for i, set := range abi.RegSets {
				if set.ReadOnly {
					require.Nil(t, got[i])
				} else {
					require.Equal(t, regs[i], got[i], "%s: %s", abi.Name, set.Name)
				}
			}
		}
	}
}

// TestRegisterSetsMissing: what the image has and this machine has not is an error by name, and what it has in other sizes is one unless
// the difference is nothing.
func TestRegisterSetsMissing(t *testing.T) {
	abi := aarch64.AArch64
	regs, sizes := randomSets(abi)
	c := &CoreEntry{}
	rest, err := PutRegs(c, abi, nil, regs, 0)
	require.NoError(t, err)
	for i, set := range abi.RegSets {
		if set.ReadOnly {
			continue
		}
		here := append([]int(nil), sizes...)
		here[i] = 0
		_, err := TakeRegs(c, abi, nil, rest, here, nil)
		require.ErrorContains(t, err, set.Name)
	}
	const tls = 2
	sizes[tls] = 8 // of a kernel without TPIDR2
	_, err = TakeRegs(c, abi, nil, rest, sizes, nil)
	require.ErrorContains(t, err, "ARM_TLS")
	clear(regs[tls][8:])
	rest, err = PutRegs(c, abi, nil, regs, 0)
	require.NoError(t, err)
	got, err := TakeRegs(c, abi, nil, rest, sizes, nil)
	require.NoError(t, err)
	require.Equal(t, regs[tls][:8], got[tls])

	c.TiAarch64.Gpregs.Regs = c.TiAarch64.Gpregs.Regs[:1]
	_, err = TakeRegs(c, abi, nil, rest, sizes, nil)
	require.Error(t, err, "a list that is too short")
}

// TestIdleSets: a thread that uses nothing out of the ordinary needs no file beside CRIU's message.
func TestIdleSets(t *testing.T) {
	for _, abi := range rowed() {
		var regs [][]byte
		for _, set := range abi.RegSets {
			b := make([]byte, set.Size)
			switch {
			case set.Note == ppc64.NTPPR && abi == ppc64.PPC64LE:
				binary.LittleEndian.PutUint64(b, 3<<50)
			case set.Note == aarch64.NTPOE && abi == aarch64.AArch64:
				b[0] = 7
			case set.Kept != nil:
				b = nil
			}
			regs = append(regs, b)
		}
		rest, err := PutRegs(&CoreEntry{}, abi, nil, regs, 0)
		require.NoError(t, err)
		require.Nil(t, rest, abi.Name)
	}
}

// TestMachines: each machine's registers are told from those of others, and what is no machine has none.
func TestMachines(t *testing.T) {
	all := &CoreEntry{ThreadInfo: &ThreadInfoX86{ClearTidAddr: 1}, TiArm: &ThreadInfoArm{ClearTidAddr: 2}, TiAarch64: &ThreadInfoAarch64{ClearTidAddr: 3},
		TiPpc64: &ThreadInfoPpc64{ClearTidAddr: 4}, TiS390: &ThreadInfoS390{ClearTidAddr: 5}, TiMips: &ThreadInfoMips{ClearTidAddr: 6},
		TiLoongarch64: &ThreadInfoLoongarch64{ClearTidAddr: 7}, TiRiscv64: &ThreadInfoRiscv64{ClearTidAddr: 8}}
	for march, want := range map[CoreEntryMarch]uint64{CoreEntry_X86_64: 1, CoreEntry_ARM: 2, CoreEntry_AARCH64: 3, CoreEntry_PPC64: 4,
		CoreEntry_S390: 5, CoreEntry_MIPS: 6, CoreEntry_LOONGARCH64: 7, CoreEntry_RISCV64: 8, CoreEntry_UNKNOWN: 0, 77: 0} {
		all.Mtype = march
		require.Equal(t, want, ClearTid(all), march)
		require.Zero(t, ClearTid(&CoreEntry{Mtype: march}), march)
	}
}

// TestVectorLengths: how long vectors are is kept where none is in use, without the registers, which are those of another set.
func TestVectorLengths(t *testing.T) {
	abi := aarch64.AArch64
	header := make([]byte, 16)
	binary.LittleEndian.PutUint16(header[8:], 32)
	regs, sizes := make([][]byte, len(abi.RegSets)), make([]int, len(abi.RegSets))
	for i, set := range abi.RegSets {
		switch set.Note {
		case aarch64.NTPrstatus, aarch64.NTPrfpreg, aarch64.NTTLS:
			regs[i] = make([]byte, set.Size)
		case aarch64.NTSVE:
			regs[i] = append(append([]byte(nil), header...), bytes.Repeat([]byte{7}, 528)...)
		case aarch64.NTZA, aarch64.NTSSVE:
			regs[i] = header
		}
		sizes[i] = len(regs[i])
	}
	c := &CoreEntry{}
	rest, err := PutRegs(c, abi, nil, regs, 0)
	require.NoError(t, err)
	got, err := TakeRegs(c, abi, nil, rest, sizes, nil)
	require.NoError(t, err)
	for i, set := range abi.RegSets {
		switch set.Note {
		case aarch64.NTSVE, aarch64.NTZA:
			require.Equal(t, set.Kept(regs[i]), got[i], set.Name)
		case aarch64.NTSSVE:
			require.Nil(t, got[i], "to set it is to enter streaming mode")
		}
	}
	clear(sizes[3:])
	got, err = TakeRegs(c, abi, nil, rest, sizes, nil)
	require.NoError(t, err, "where there are no vectors their length is of no use")
	for _, b := range got[3:] {
		require.Nil(t, b)
	}
}
