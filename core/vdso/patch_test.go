package vdso

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/aarch64"
	"woodfrog/arch/arm"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
	"woodfrog/test/abis"
)

// listing disassembles code that is at address at. What is behind the last instruction of arm and arm64 are words; the disassembler knows no Thumb, whose halfwords are listed as they are, and calls bti c by its number among hints.
func listing(t testing.TB, abi *arch.ABI, code []byte, at uint64) string {
	var lines []string
	for len(code) > 0 {
		n, text := 4, ""
		last := ""
		if len(lines) > 0 {
			last = lines[len(lines)-1]
		}
		switch {
		case strings.HasPrefix(last, ".word") || slices.Contains([]string{"ldr pc, [pc, #-4]", "bx lr", "br x16"}, last):
			text = fmt.Sprintf(".word %#x", binary.LittleEndian.Uint32(code))
		case abi == arm.Arm && at&1 != 0:
			n, text = 2, fmt.Sprintf("%04x", binary.LittleEndian.Uint16(code))
		default:
			var err error
			text, n, err = abis.Instruction(abi, code, at)
			require.NoError(t, err)
		}
		lines = append(lines, text)
		code, at = code[n:], at+uint64(n)
	}
	return strings.Join(lines, "; ")
}

func TestCode(t *testing.T) {
	const high, low = 0x7fff00010000, 0xb6f00000
	jump := Decision{Action: Jump, Value: 0xaf0, Target: 0x900}
	clock, random := Decision{Action: Call, Call: "clock_gettime"}, Decision{Action: CallRandom, Call: "getrandom"}
	thumb := func(d Decision, value, target uint64) Decision {
		d.Value, d.Target = value|1, target
		return d
	}
	tests := []struct {
		abi  *arch.ABI
		d    Decision
		rt   uint64 // from the image's vDSO
		far  bool
		want string
	}{
		{x86.X86_64, jump, -1 << 16 & (1<<64 - 1), false, "jmp 0x7fff00000900"},
		{x86.X86_64, jump, 1 << 16, false, "jmp 0x7fff00020900"},
		{x86.X86_64, jump, 1 << 16, true, "mov rax, 0x7fff00020900; jmp rax"},
		{x86.X86_64, jump, 1 << 32, false, "mov rax, 0x800000010900; jmp rax"},
		{x86.X86_64, clock, 0, false, "mov eax, 0xe4; syscall; ret"},
		{x86.X86_64, Decision{Action: Call, Call: "getcpu"}, 0, false, "mov eax, 0x135; syscall; ret"},
		{x86.X86_64, random, 0, false, "cmp r8, -0x1; jz 0x7fff0001000e; mov eax, 0x13e; syscall; ret; mov rax, -0x26; ret"},
		{x86.X86_64, Decision{Action: Fail}, 0, false, "mov rax, -0x26; ret"},
		{x86.X86_64, Decision{Action: Keep}, 0, false, ""},

		{x86.I386, jump, 1 << 16, false, "jmp 0xb6f10900"},
		{x86.I386, jump, 1 << 16, true, "mov eax, 0xb6f10900; jmp eax"},
		{x86.I386, clock, 0, false, "push ebx; mov ebx, dword ptr [esp+0x8]; mov ecx, dword ptr [esp+0xc]; mov edx, dword ptr [esp+0x10]; " +
			"mov eax, 0x109; int 0x80; pop ebx; ret"},
		{x86.I386, Decision{Action: Call, Call: "clock_getres_time64"}, 0, false, "push ebx; mov ebx, dword ptr [esp+0x8]; " +
			"mov ecx, dword ptr [esp+0xc]; mov edx, dword ptr [esp+0x10]; mov eax, 0x196; int 0x80; pop ebx; ret"},
		{x86.I386, Decision{Action: Keep}, 0, false, ""},

		{aarch64.AArch64, jump, 1 << 16, false, "hint #0x22; b .+0xfe0c"},
		{aarch64.AArch64, jump, -1 << 16 & (1<<64 - 1), false, "hint #0x22; b .+0xfffffffffffefe0c"},
		{aarch64.AArch64, jump, 1 << 16, true, "hint #0x22; ldr x16, .+0x8; br x16; .word 0x20900; .word 0x7fff"},
		{aarch64.AArch64, jump, 1 << 27, false, "hint #0x22; b .+0x7fffe0c"},
		{aarch64.AArch64, jump, 1<<27 + 1<<12, false, "hint #0x22; ldr x16, .+0x8; br x16; .word 0x8011900; .word 0x7fff"},
		{aarch64.AArch64, clock, 0, false, "hint #0x22; mov x8, #0x71; svc #0x0; ret"},
		{aarch64.AArch64, random, 0, false, "hint #0x22; cmn x4, #0x1; b.eq .+0x10; mov x8, #0x116; svc #0x0; ret; mov x0, #0xffffffffffffffda; ret"},

		{arm.Arm, jump, 1 << 16, false, "b .+0xfe0c"},
		{arm.Arm, jump, 1 << 16, true, "ldr pc, [pc, #-4]; .word 0xb6f10900"},
		{arm.Arm, jump, 1<<25 + 1<<12, false, "ldr pc, [pc, #-4]; .word 0xb8f01900"},
		{arm.Arm, clock, 0, false, "mov ip, r7; ldr r7, [pc, #8]; svc 0x00000000; mov r7, ip; bx lr; .word 0x107"},
		{arm.Arm, Decision{Action: Jump, Value: 0xaf0, Target: 0x901}, 1 << 16, false, "ldr pc, [pc, #-4]; .word 0xb6f10901"},
		// b.w, both ways; the far form at an even and at an odd halfword; ARM code from Thumb code
		{arm.Arm, thumb(jump, 0xaf0, 0x901), 1 << 16, false, "f00f; bf06"},
		{arm.Arm, thumb(jump, 0xaf0, 0x901), -1 << 16 & (1<<64 - 1), false, "f7ef; bf06"},
		{arm.Arm, thumb(jump, 0xaf0, 0x901), 1 << 16, true, "f8df; f000; 0901; b6f1"},
		{arm.Arm, thumb(jump, 0xaf2, 0x901), 1 << 16, true, "bf00; f8df; f000; 0901; b6f1"},
		{arm.Arm, thumb(jump, 0xaf0, 0x900), 1 << 16, false, "f8df; f000; 0900; b6f1"},
		{arm.Arm, thumb(jump, 0xaf0, 0x901), 1 << 25, false, "f8df; f000; 0901; b8f0"},
		{arm.Arm, thumb(clock, 0xaf0, 0), 0, false, "46bc; f240; 1707; df00; 4667; 4770"},
		{arm.Arm, thumb(Decision{Action: Call, Call: "clock_getres_time64"}, 0xaf0, 0), 0, false, "46bc; f240; 1796; df00; 4667; 4770"},

		{ppc64.PPC64LE, jump, 1 << 16, false, "b 0x7fff00020900"},
		{ppc64.PPC64LE, jump, -1 << 16 & (1<<64 - 1), false, "b 0x7fff00000900"},
		{ppc64.PPC64LE, jump, 1 << 16, true, "lis r12,0; ori r12,r12,32767; rldicr r12,r12,32,31; oris r12,r12,2; ori r12,r12,2304; mtctr r12; bctr"},
		{ppc64.PPC64LE, Decision{Action: Jump, Value: 0xaf0, Target: 0x900, Entry: true}, 1 << 16, false,
			"lis r12,0; ori r12,r12,32767; rldicr r12,r12,32,31; oris r12,r12,2; ori r12,r12,2304; mtctr r12; bctr"},
		{ppc64.PPC64LE, clock, 0, false, "li r0,246; sc 0; blr"},
		{ppc64.PPC64LE, random, 0, false, "cmpdi r7,-1; beq 0x7fff00010014; li r0,359; sc 0; blr; li r3,38; creqv so,so,so; blr"},
	}
	for _, tt := range tests {
		base := uint64(high)
		if tt.abi.WordSize() == 4 {
			base = low
		}
		code, err := tt.d.code(tt.abi, nil, base, base+tt.rt, tt.far)
		require.NoError(t, err)
		require.Equal(t, tt.want, listing(t, tt.abi, code, base+tt.d.Value), "%s: %v", tt.abi.Name, tt.d)
	}
	for _, abi := range []*arch.ABI{x86.X86_64, aarch64.AArch64, ppc64.PPC64LE} {
		for _, d := range []Decision{{Action: Vsyscall}, {Action: Call, Call: "clock_gettime64"}, {Action: Call, Call: "x"}} {
			d.Names = []string{"f"}
			_, err := d.code(abi, nil, high, high, false)
			require.ErrorContains(t, err, "vdso: f: ")
		}
	}
	for _, abi := range []*arch.ABI{x86.I386, arm.Arm} {
		for _, d := range []Decision{{Action: Fail}, random} {
			d.Names = []string{"f"}
			_, err := d.code(abi, nil, low, low, false)
			require.ErrorContains(t, err, "vdso: f: ")
		}
	}
}

// TestVsyscall: whatever a thread is about to execute in __kernel_vsyscall is there in the patched code too, or does what is missing.
func TestVsyscall(t *testing.T) {
	pushes, tail := []byte{0x51, 0x52, 0x55}, []byte{0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3, 0xcc}
	sysenter, syscall, none := []byte{0x89, 0xe5, 0x0f, 0x34}, []byte{0x89, 0xcd, 0x0f, 0x05}, []byte{0x0f, 0x1f, 0x40, 0x00}
	const want = "push ecx; push edx; push ebp; data16 nop; pop ebp; push ebp; int 0x80; pop ebp; pop edx; pop ecx; ret; int3"
	for _, enter := range [][]byte{sysenter, syscall, none} {
		for _, lead := range [][]byte{nil, {0x0f, 0x1f, 0x00}} { // since 7.2
			code := slices.Concat(lead, pushes, enter, tail)
			from, to := x86.I386.VDSO.VsyscallLeave(code)
			require.Equal(t, from, to)
			for range 2 { // once more changes nothing
				patch, err := (&Decision{Action: Vsyscall}).code(x86.I386, code, 0, 0, false)
				require.NoError(t, err)
				require.Len(t, patch, len(lead)+7)
				copy(code, patch)
				require.Equal(t, want, listing(t, x86.I386, code[len(lead):], 0))
				from, to := x86.I386.VDSO.VsyscallLeave(code)
				require.Equal(t, "pop ebp; push ebp", listing(t, x86.I386, code[from:to], 0))
			}
		}
	}
	patch, err := (&Decision{Action: Vsyscall}).code(x86.I386, make([]byte, 17), 0, 0, false)
	require.NoError(t, err)
	require.Equal(t, "int 0x80; ret", listing(t, x86.I386, patch, 0))
}

// TestReach puts the vDSO that serves at the two ends of what one branch reaches: what Hole finds is always in reach.
func TestReach(t *testing.T) {
	for _, tab := range tables(t) {
		abi := tab.abi()
		if abi == nil || abi == x86.I386 { // a branch of ia32 wraps
			continue
		}
		at, size, reach := abi.TaskSize/2&^0xffff, tab.size, abi.VDSO.Reach
		code := Area{Start: at, End: at + size}
		for _, taken := range []Area{{Start: at - reach + 3*size, End: at + reach - 3*size}, {Start: at - reach + 3*size, End: abi.TaskSize}, {End: at + reach - 3*size}} {
			hole, ok := Hole([]Area{taken}, code, size, 4096, reach, 4096, abi.TaskSize)
			require.True(t, ok, tab.name)
			for _, s := range tab.parse(t).Functions() {
				for _, target := range []uint64{hole, hole + size - 4} {
					branch := abi.VDSO.Near(at+s.Value, target|s.Value&1)
					require.NotNil(t, branch, "%s: %v to %#x", tab.name, s, target)
				}
			}
		}
		thumb := tab.symbols[len(tab.symbols)-1].Value & 1
		require.Nil(t, abi.VDSO.Near(at|thumb, (at+4*reach)|thumb), tab.name)
		require.Nil(t, abi.VDSO.Near(at|thumb, (at-4*reach)|thumb), tab.name)
	}
}

// TestPatchAllPairs patches every recorded image for every one of its ABI: code stays within the functions, and what tells an image's
// vDSO stays as it was.
func TestPatchAllPairs(t *testing.T) {
	pairs(t, func(a, b *table) {
		abi := a.abi()
		rt := abi.TaskSize / 2 &^ 0xffff
		base := rt + 1<<16
		for _, far := range []bool{false, true} {
			mem := a.build(t)
			before, img, server := bytes.Clone(mem), a.parse(t), b.parse(t)
			decisions, err := Decide(img, server)
			require.NoError(t, err)
			require.NoError(t, Patch(mem, abi, decisions, base, rt, far))
			after, err := Parse(mem)
			require.NoError(t, err)
			require.NoError(t, Match(img, after, new64, new64))
			for i := range mem {
				if mem[i] != before[i] {
					require.True(t, slices.ContainsFunc(decisions, func(d Decision) bool {
						return d.Value&^1 <= uint64(i) && uint64(i) < d.Value&^1+d.Room && d.Action != Keep
					}), "%s for %s: byte %#x", a.name, b.name, i)
				}
			}
			for _, d := range decisions {
				if d.Action != Jump {
					continue
				}
				code := mem[d.Value&^1:][:d.Room]
				want := abi.VDSO.Far(base+d.Value, rt+d.Target)
				if !far && (d.Value^d.Target)&1 == 0 {
					want = abi.VDSO.Near(base+d.Value, rt+d.Target)
				}
				require.Equal(t, want, code[:len(want)], "%s for %s: %v", a.name, b.name, d)
			}
		}
	})
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
