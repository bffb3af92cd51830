package vdso

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"woodfrog/arch/x86"
)

// listing disassembles code that is at address at.
func listing(t *testing.T, code []byte, at uint64) string {
	var lines []string
	for len(code) > 0 {
		inst, err := x86asm.Decode(code, 64)
		require.NoError(t, err)
		lines = append(lines, x86asm.IntelSyntax(inst, at, nil))
		code, at = code[inst.Len:], at+uint64(inst.Len)
	}
	return strings.Join(lines, "; ")
}

func TestCode64(t *testing.T) {
	const base, rt = 0x7fff00010000, 0x7fff00000000
	tests := []struct {
		d    Decision
		rt   uint64
		far  bool
		want string
	}{
		{Decision{Action: Jump, Value: 0xaf0, Target: 0x900}, rt, false, "jmp 0x7fff00000900"},
		{Decision{Action: Jump, Value: 0xaf0, Target: 0x900}, base + 0x10000, false, "jmp 0x7fff00020900"},
		{Decision{Action: Jump, Value: 0xaf0, Target: 0x900}, rt, true, "mov rax, 0x7fff00000900; jmp rax"},
		{Decision{Action: Jump, Value: 0xaf0, Target: 0x900}, 0x1000, false, "mov rax, 0x1900; jmp rax"},
		{Decision{Action: Call, Call: "clock_gettime"}, rt, false, "mov eax, 0xe4; syscall; ret"},
		{Decision{Action: Call, Call: "getcpu"}, rt, false, "mov eax, 0x135; syscall; ret"},
		{Decision{Action: CallRandom, Call: "getrandom"}, rt, false,
			"cmp r8, -0x1; jz 0x7fff0001000e; mov eax, 0x13e; syscall; ret; mov rax, -0x26; ret"},
		{Decision{Action: Fail}, rt, false, "mov rax, -0x26; ret"},
		{Decision{Action: Keep}, rt, false, ""},
	}
	for _, tt := range tests {
		code, err := tt.d.code(x86.X86_64, base, tt.rt, tt.far)
		require.NoError(t, err)
		require.Equal(t, tt.want, listing(t, code, base+tt.d.Value), tt.d)
	}
	for _, d := range []Decision{{Action: Int80}, {Action: Call, Call: "clock_gettime64"}, {Action: Call, Call: "x"}} {
		d.Names = []string{"f"}
		_, err := d.code(x86.X86_64, base, rt, false)
		require.ErrorContains(t, err, "vdso: f: ")
	}
}

// TestReach puts the vDSO that serves at the two ends of what one branch reaches.
func TestReach(t *testing.T) {
	const at = 1 << 40
	for _, far := range []int64{-1 << 31, -1<<31 + 5, 1<<31 - 1, 1 << 31, 1<<31 + 4, 1<<31 + 5} {
		target := uint64(at + far)
		code := x86.X86_64.VDSO.Near(at, target)
		rel := far - 5
		require.Equal(t, rel >= -1<<31 && rel < 1<<31, code != nil, far)
		if code != nil {
			inst, err := x86asm.Decode(code, 64)
			require.NoError(t, err)
			require.Equal(t, target, at+uint64(inst.Len)+uint64(int64(inst.Args[0].(x86asm.Rel))))
		}
	}
	// Hole counts from the far ends of both: what it finds is always in reach.
	code := Area{Start: at, End: at + 0x2000}
	hole, ok := Hole([]Area{{Start: at - 1<<30, End: at}, {Start: code.End, End: at + 1<<31 - 0x8000}}, code, 0x8000, 4096, x86.X86_64.VDSO.Reach, 4096, 1<<47)
	require.True(t, ok)
	require.NotNil(t, x86.X86_64.VDSO.Near(code.Start, hole))
	require.NotNil(t, x86.X86_64.VDSO.Near(code.End-1, hole))
}

// TestPatchAllPairs patches every recorded image of x86-64 for every other one: code stays within the functions, and what
// tells an image's vDSO stays as it was.
func TestPatchAllPairs(t *testing.T) {
	const base, rt = 0x7fff00010000, 0x7fff00000000
	for _, far := range []bool{false, true} {
		for _, a := range tables(t) {
			for _, b := range tables(t) {
				if a.machine != elf.EM_X86_64 || b.machine != elf.EM_X86_64 || strings.HasPrefix(a.name, "x32") || strings.HasPrefix(b.name, "x32") {
					continue
				}
				mem := a.build(t)
				before, img, server := bytes.Clone(mem), a.parse(t), b.parse(t)
				decisions, err := Decide(img, server)
				require.NoError(t, err)
				require.NoError(t, Patch(mem, x86.X86_64, decisions, base, rt, far))
				after, err := Parse(mem)
				require.NoError(t, err)
				require.NoError(t, Match(img, after, new64, new64))
				for i := range mem {
					if mem[i] != before[i] {
						require.True(t, slices.ContainsFunc(decisions, func(d Decision) bool {
							return d.Value <= uint64(i) && uint64(i) < d.Value+d.Room && d.Action != Keep
						}), "%s for %s: byte %#x", a.name, b.name, i)
					}
				}
				for _, d := range decisions {
					if d.Action == Jump && !far {
						require.Equal(t, fmt.Sprintf("jmp %#x", rt+d.Target), listing(t, mem[d.Value:d.Value+5], base+d.Value), "%v", d)
					}
				}
			}
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	mem := make([]byte, 64)
	jump := func(value, room uint64) []Decision {
		return []Decision{{Names: []string{"f"}, Value: value, Room: room, Target: 0x900}}
	}
	require.NoError(t, Patch(mem, x86.X86_64, jump(0, 5), 1<<20, 1<<21, false))
	require.EqualError(t, Patch(mem, x86.X86_64, jump(0, 4), 1<<20, 1<<21, false), "vdso: f: 5 bytes of code in a function of 4")
	require.EqualError(t, Patch(mem, x86.X86_64, jump(0, 11), 1<<20, 1<<21, true), "vdso: f: 12 bytes of code in a function of 11")
	for _, at := range []uint64{60, 64, 1 << 40, ^uint64(0) - 1} {
		require.Error(t, Patch(mem, x86.X86_64, jump(at, 40), 1<<20, 1<<21, false), fmt.Sprintf("%#x", at))
	}
}
