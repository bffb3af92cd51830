package arm

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/arm/armasm"

	"woodfrog/arch"
)

// A memory of a task: bytes by their address.
type memory map[uint64][]byte

func (m memory) read(at uint64, b []byte) error {
	for start, data := range m {
		if start <= at && at-start+uint64(len(b)) <= uint64(len(data)) {
			copy(b, data[at-start:])
			return nil
		}
	}
	return fmt.Errorf("memory at %#x: there is none", at)
}

const codeAt, dataAt = 0x1_0000, 0x2_0000

// where is what lead says of code at codeAt, with data at dataAt and registers that are told by their number.
func where(t *testing.T, code, data []byte, cpsr uint64, regs map[int]uint64) (uint64, error) {
	t.Helper()
	gpr := make([]byte, gprSize)
	for i := range rSP {
		set(gpr, i, uint64(i)*0x10)
	}
	set(gpr, rPC, codeAt)
	set(gpr, rCPSR, cpsr|modeUser)
	for i, v := range regs {
		set(gpr, i, v)
	}
	m := memory{codeAt - 0x100: append(make([]byte, 0x100), code...), dataAt: data}
	within := func(pc uint64) bool { return codeAt <= pc && pc < codeAt+uint64(len(code)) }
	// one way on is all that these tests want to see
	to, err := lead(gpr, 0, within, m.read)
	if err != nil {
		return 0, err
	}
	require.Len(t, to, 1)
	return to[0], nil
}

const flagN, flagZ, flagC, flagV = 1 << 31, 1 << 30, 1 << 29, 1 << 28

func TestLeadARM(t *testing.T) {
	words := arch.Words(0x3001, 0x3004, 0x3008, 0x300c, 0x3010)
	for _, c := range []struct {
		insn uint32
		text string
		cpsr uint64
		regs map[int]uint64
		want uint64
	}{
		{0xea000002, "b +16", 0, nil, codeAt + 16},
		{0xebfffffe, "bl .-0", 0, map[int]uint64{rPC: codeAt}, 0},
		{0xeafffffc, "b .-8", 0, nil, codeAt - 8},
		{0xfa000000, "blx +8", 0, nil, codeAt + 8 + 1},
		{0xfb000000, "blx +10", 0, nil, codeAt + 10 + 1},
		{0x0a000002, "beq", flagZ, nil, codeAt + 16},
		{0x0a000002, "beq", 0, nil, codeAt + 4},
		{0x8a000002, "bhi", flagC, nil, codeAt + 16},
		{0x8a000002, "bhi", flagC | flagZ, nil, codeAt + 4},
		{0xba000002, "blt", flagN, nil, codeAt + 16},
		{0xba000002, "blt", flagN | flagV, nil, codeAt + 4},
		{0xca000002, "bgt", flagZ, nil, codeAt + 4},
		{0xe12fff1e, "bx lr", 0, map[int]uint64{rLR: 0x5001}, 0x5001},
		{0xe12fff1e, "bx lr", 0, map[int]uint64{rLR: 0x5000}, 0x5000},
		{0xe12fff33, "blx r3", 0, map[int]uint64{3: 0x5001}, 0x5001},
		{0x112fff1e, "bxne lr", flagZ, map[int]uint64{rLR: 0x5000}, codeAt + 4},
		{0xe1a0f00e, "mov pc, lr", 0, map[int]uint64{rLR: 0x5000}, 0x5000},
		{0xe28ef000, "add pc, lr, #0", 0, map[int]uint64{rLR: 0x5000}, 0x5000},
		{0x908ff103, "addls pc, pc, r3, lsl #2", 0, map[int]uint64{3: 2}, codeAt + 8 + 8},
		{0xe04ff123, "sub pc, pc, r3, lsr #2", 0, map[int]uint64{3: 16}, codeAt + 8 - 4},
		{0xe08ff133, "add pc, pc, r3, lsr r1", 0, map[int]uint64{1: 2, 3: 16}, codeAt + 8 + 4},
		{0xe0aff143, "adc pc, pc, r3, asr #2", flagC, map[int]uint64{3: 12}, codeAt + 8 + 4},
		{0xe1a0f063, "rrx pc, r3", flagC, map[int]uint64{3: 8}, 0x80000004},
		{0xe1e0f003, "mvn pc, r3", 0, map[int]uint64{3: 0xffffbfff}, 0x4000},
		{0xe3a0fa01, "mov pc, #4096", 0, nil, 0x1000},
		{0xe59ff000, "ldr pc, [pc]", 0, nil, 0},
		{0xe59df004, "ldr pc, [sp, #4]", 0, nil, 0x3004},
		{0xe49df004, "pop {pc}", 0, nil, 0x3001},
		{0xe79df103, "ldr pc, [sp, r3, lsl #2]", 0, map[int]uint64{3: 3}, 0x300c},
		{0xe51df004, "ldr pc, [sp, #-4]", 0, map[int]uint64{rSP: dataAt + 8}, 0x3004},
		{0xe8bd8030, "pop {r4, r5, pc}", 0, nil, 0x3008},
		{0xe99d8010, "ldmib sp, {r4, pc}", 0, nil, 0x3008},
		{0xe91d8010, "ldmdb sp, {r4, pc}", 0, map[int]uint64{rSP: dataAt + 8}, 0x3004},
		{0xe81d8010, "ldmda sp, {r4, pc}", 0, map[int]uint64{rSP: dataAt + 8}, 0x3008},
		{0xe8fd8000, "ldm sp!, {pc}^", 0, nil, 0},
		{0xe1b0f00e, "movs pc, lr", 0, nil, 0},
		{0xf8bd0a00, "rfeia sp!", 0, nil, 0},
	} {
		if _, ok := c.regs[rSP]; !ok {
			regs := map[int]uint64{rSP: dataAt}
			for i, v := range c.regs {
				regs[i] = v
			}
			c.regs = regs
		}
		got, err := where(t, arch.Words(c.insn), words, c.cpsr, c.regs)
		if c.want == 0 {
			require.Error(t, err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
}

func TestLeadThumb(t *testing.T) {
	words := append(arch.Words(0x3001, 0x3005, 0x3009, 0x300d), 3, 4, 0x10, 0x01)
	for _, c := range []struct {
		insns []uint16
		text  string
		cpsr  uint64
		regs  map[int]uint64
		want  uint64
	}{
		{[]uint16{0xe002}, "b.n +8", 0, nil, codeAt + 8},
		{[]uint16{0xe7fc}, "b.n -4", 0, nil, codeAt - 4},
		{[]uint16{0xd002}, "beq.n +8", flagZ, nil, codeAt + 8},
		{[]uint16{0xd002}, "beq.n +8", 0, nil, codeAt + 2},
		{[]uint16{0xb113}, "cbz r3, +8", 0, map[int]uint64{3: 0}, codeAt + 8},
		{[]uint16{0xb113}, "cbz r3, +8", 0, nil, codeAt + 2},
		{[]uint16{0xbb13}, "cbnz r3, +72", 0, nil, codeAt + 72},
		{[]uint16{0x4770}, "bx lr", 0, map[int]uint64{rLR: 0x5001}, 0x5000},
		{[]uint16{0x4770}, "bx lr", 0, map[int]uint64{rLR: 0x5000}, 0x5000 | 1<<63},
		{[]uint16{0x4798}, "blx r3", 0, map[int]uint64{3: 0x5001}, 0x5000},
		{[]uint16{0x4770}, "bxne lr in an IT block", flagZ | 0x1800, map[int]uint64{rLR: 0x5001}, codeAt + 2},
		{[]uint16{0x4770}, "bxeq lr in an IT block", flagZ | 0x0800, map[int]uint64{rLR: 0x5001}, 0x5000},
		{[]uint16{0x46f7}, "mov pc, lr", 0, map[int]uint64{rLR: 0x5000}, 0x5000},
		{[]uint16{0x449f}, "add pc, r3", 0, map[int]uint64{3: 0x10}, codeAt + 0x14},
		{[]uint16{0xbd30}, "pop {r4, r5, pc}", 0, nil, 0x3008},
		{[]uint16{0xf000, 0x8002}, "beq.w +8", flagZ, nil, codeAt + 8},
		{[]uint16{0xf000, 0x8002}, "beq.w +8", 0, nil, codeAt + 4},
		{[]uint16{0xf43f, 0xaffe}, "beq.w .", flagZ, nil, 0},
		{[]uint16{0xf000, 0xb802}, "b.w +8", 0, nil, codeAt + 8},
		{[]uint16{0xf7ff, 0xbffc}, "b.w -4", 0, nil, codeAt - 4},
		{[]uint16{0xf000, 0xf802}, "bl +8", 0, nil, codeAt + 8},
		{[]uint16{0xf000, 0xe802}, "blx +8", 0, nil, codeAt + 8 | 1<<63},
		{[]uint16{0xf85d, 0xfb04}, "pop.w {pc}", 0, nil, 0x3000},
		{[]uint16{0xf8dd, 0xf004}, "ldr.w pc, [sp, #4]", 0, nil, 0x3004},
		{[]uint16{0xf85d, 0xf023}, "ldr.w pc, [sp, r3, lsl #2]", 0, map[int]uint64{3: 3}, 0x300c},
		{[]uint16{0xf85d, 0xfc04}, "ldr.w pc, [sp, #-4]", 0, map[int]uint64{rSP: dataAt + 8}, 0x3004},
		{[]uint16{0xf85f, 0xf008}, "ldr.w pc, [pc, #-8]", 0, nil, 1 << 63}, // zeroes
		{[]uint16{0xe8bd, 0x8030}, "pop.w {r4, r5, pc}", 0, nil, 0x3008},
		{[]uint16{0xe91d, 0x8010}, "ldmdb sp, {r4, pc}", 0, map[int]uint64{rSP: dataAt + 8}, 0x3004},
		{[]uint16{0xe8d2, 0xf003}, "tbb [r2, r3]", 0, map[int]uint64{2: dataAt + 16, 3: 1}, codeAt + 4 + 8},
		{[]uint16{0xe8d2, 0xf013}, "tbh [r2, r3, lsl #1]", 0, map[int]uint64{2: dataAt + 16, 3: 1}, codeAt + 4 + 0x220},
		{[]uint16{0xf3de, 0x8f04}, "subs pc, lr, #4", 0, nil, 0},
		{[]uint16{0xe8bd, 0xc000}, "pop.w {lr, pc}", 0, nil, 0x3004},
		{[]uint16{0xe9bd, 0xc000}, "rfeia sp!", 0, nil, 0},
		{[]uint16{0xf3bf, 0x8f5b}, "dmb ish", 0, nil, codeAt + 4},
	} {
		regs := map[int]uint64{rSP: dataAt}
		for i, v := range c.regs {
			regs[i] = v
		}
		got, err := where(t, halfwords(c.insns...), words, c.cpsr|cpsrThumb, regs)
		if c.want == 0 {
			require.Error(t, err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want&^(1<<63)|c.want>>63^1, got, c.text) // marked, but for those with bit 63
	}
}

// Straight code is left behind at once, as far as to the next jump, and a loop is gone through in two parts.
func TestLeadStraight(t *testing.T) {
	const mov, ne, svc, ret = 0xe1a00001, 0x1afffffc, 0xef000000, 0xe12fff1e
	code := arch.Words(mov, mov, svc, ret) // up to the return
	got, err := where(t, code, nil, 0, nil)
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt+12), got)

	got, err = where(t, arch.Words(mov, mov, mov), nil, 0, nil) // to the end of the code
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt+12), got)

	loop := arch.Words(mov, mov, ne, mov, ret)
	got, err = where(t, loop, nil, 0, map[int]uint64{rPC: codeAt + 8})
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt), got)
	got, err = where(t, loop, nil, 0, nil)
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt+8), got)
	got, err = where(t, loop, nil, flagZ, map[int]uint64{rPC: codeAt + 8})
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt+16), got)

	thumb := halfwords(0xbf08, 0x4608, 0xf3bf, 0x8f5b, 0x4770) // it eq; mov; dmb; bx lr
	got, err = where(t, thumb, nil, cpsrThumb, nil)
	require.NoError(t, err)
	require.Equal(t, uint64(codeAt+8|1), got)
}

// Where there are breakpoints enough, all is run through up to the ends.
func TestLeadToTheEnds(t *testing.T) {
	const mov, ne, retEQ, pop = 0xe1a00001, 0x1afffffc, 0x012fff1e, 0xe8bd8010
	arm := arch.Words(mov, mov, ne, retEQ, 0xeb000001 /* bl +12 */, 0x0a00003f /* beq out */, pop, mov, 0xe12fff1e)
	code := memory{codeAt: arm}
	within := func(pc uint64) bool { return codeAt <= pc && pc < codeAt+uint64(len(arm)) }
	gpr := make([]byte, gprSize)
	set(gpr, rPC, codeAt)
	set(gpr, rCPSR, modeUser|flagZ)
	set(gpr, rLR, 0x5000)
	ends, err := lead(gpr, 4, within, code.read) // past the loop
	require.NoError(t, err)
	require.Equal(t, []uint64{codeAt + 12}, ends)
	set(gpr, rPC, codeAt+16)
	ends, err = lead(gpr, 3, within, code.read)
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{codeAt + 24, codeAt + 32, codeAt + 20 + 8 + 0xfc}, ends)
	ends, err = lead(gpr, 2, within, code.read) // too few for all
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{codeAt + 20, codeAt + 32}, ends)
	ends, err = lead(gpr, 1, within, code.read) // the next jump
	require.NoError(t, err)
	require.Equal(t, []uint64{codeAt + 32}, ends)
	set(gpr, rPC, codeAt+12) // at one of them
	ends, err = lead(gpr, 4, within, code.read)
	require.NoError(t, err)
	require.Equal(t, []uint64{0x5000}, ends)

	thumb := halfwords(0x4608, 0xd1fd, 0xb103, 0x4770, 0xf000, 0xf801, 0xbd00, 0x4770) // mov; bne -2; cbz +4; bx; bl +6; pop; bx
	code = memory{codeAt: append(thumb, 0, 0)}
	within = func(pc uint64) bool { return codeAt <= pc && pc < codeAt+uint64(len(thumb)) }
	set(gpr, rPC, codeAt)
	set(gpr, rCPSR, modeUser|cpsrThumb)
	ends, err = lead(gpr, 4, within, code.read)
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{codeAt + 6 | 1, codeAt + 12 | 1, codeAt + 14 | 1}, ends)
}

// What a disassembler says writes to pc is what jumps, and branches lead to where it says.
func TestJumpsAreThoseOfTheDisassembler(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var jumps, others int
	for range 500_000 {
		w := random.Uint32()
		if random.IntN(2) == 0 {
			w |= rPC << 12
		}
		if random.IntN(4) == 0 {
			w = w&^0x0fffff00 | 0x012fff00
		}
		insn, err := armasm.Decode(binary.LittleEndian.AppendUint32(nil, w), armasm.ModeARM)
		if err != nil {
			continue
		}
		want := writesPC(insn)
		require.Equal(t, want, jumpsARM(w), "%08x %v", w, insn)
		if !want {
			others++
			continue
		}
		jumps++
		rel, ok := insn.Args[0].(armasm.PCRel)
		if !ok || w>>28 < always {
			continue
		}
		got, err := where(t, arch.Words(w), nil, 0, nil)
		require.NoError(t, err)
		require.Equal(t, uint32(codeAt+armPC+int64(rel)), uint32(got)&^thumb, "%08x %v", w, insn)
	}
	require.Greater(t, jumps, 20_000)
	require.Greater(t, others, 20_000)
}

func writesPC(i armasm.Inst) bool {
	op, _, _ := strings.Cut(i.Op.String(), ".")
	switch op {
	case "B", "BL", "BX", "BLX", "BXJ":
		return true
	case "LDM", "LDMDA", "LDMDB", "LDMIB", "POP":
		list, _ := i.Args[argCount(i)-1].(armasm.RegList)
		return list>>rPC&1 == 1 || i.Args[0] == armasm.Reg(armasm.PC) && op == "POP"
	case "AND", "EOR", "SUB", "RSB", "ADD", "ADC", "SBC", "RSC", "ORR", "MOV", "BIC", "MVN", "LSL", "LSR", "ASR", "ROR", "RRX", "LDR",
		"LDRT":
		return i.Args[0] == armasm.Reg(armasm.PC)
	}
	return false
}

func argCount(i armasm.Inst) (n int) {
	for n < len(i.Args) && i.Args[n] != nil {
		n++
	}
	return n
}
