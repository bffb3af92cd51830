package aarch64

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/arm64/arm64asm"

	"woodfrog/arch"
)

// What a disassembler calls a branch is one, and leads to where it says.
func TestWaysAreThoseOfTheDisassembler(t *testing.T) {
	const at = 1 << 40
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]int{}
	for range 200_000 {
		w := random.Uint32()
		if random.IntN(4) == 0 {
			w = w&0x01ff03e0 | 0xd61f0000 // br, blr, ret
		}
		insn, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, w))
		if err != nil {
			continue
		}
		op, _, _ := strings.Cut(insn.Op.String(), ".")
		ways := waysOn(at, w)
		switch op {
		case "BR", "BLR", "RET", "ERET", "DRPS":
			require.Empty(t, ways, "%08x %v", w, insn)
		case "B", "BL", "CBZ", "CBNZ", "TBZ", "TBNZ":
			rel := arm64asm.PCRel(0)
			for _, a := range insn.Args {
				if r, ok := a.(arm64asm.PCRel); ok {
					rel = r
				}
			}
			require.Equal(t, []uint64{uint64(at + int64(rel)), at + 4}, ways, "%08x %v", w, insn)
		default:
			require.Equal(t, []uint64{at + 4}, ways, "%08x %v", w, insn)
			continue
		}
		kinds[op]++
	}
	for _, op := range []string{"B", "BL", "CBZ", "CBNZ", "TBZ", "TBNZ", "BR", "BLR", "RET"} {
		require.Greater(t, kinds[op], 50, op)
	}
}

func TestLead(t *testing.T) {
	const at, nop, ret = 0x1000, 0xd503201f, 0xd65f03c0
	code := arch.Words(nop, 0xb5ffffe0 /* cbnz x0, .-4 */, nop, ret, nop)
	read := func(addr uint64, b []byte) error { copy(b, code[addr-at:]); return nil }
	within := func(pc uint64) bool { return at <= pc && pc < at+uint64(len(code)) }
	gpr := make([]byte, gprSize)
	for pc, want := range map[uint64][]uint64{at: {at + 12}, at + 4: {at + 12}, at + 12: nil, at + 16: {at + 20}} {
		set(gpr, rPC, pc)
		to, err := lead(gpr, 2, within, read)
		require.NoError(t, err)
		require.Equal(t, want, to)
	}
	set(gpr, rPC, at)
	to, err := lead(gpr, 0, within, read)
	require.NoError(t, err)
	require.Empty(t, to)
}
