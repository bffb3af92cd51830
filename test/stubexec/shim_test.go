package stubexec

import (
	"encoding/binary"
	"math/rand/v2"
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

// disassemble lists code, one instruction a line, words of data as such.
func disassemble(t *testing.T, abi *arch.ABI, code []byte) string {
	var s strings.Builder
	for at := 0; at < len(code); {
		text, n, err := abis.Instruction(abi, code[at:], uint64(at))
		if abi == arm.Arm && err != nil {
			text, err = ".word", nil
		}
		require.NoError(t, err)
		s.WriteString(text + "\n")
		at += n
	}
	return s.String()
}

// TestShimCode: each call's shim makes as many system calls as asked for and ends in a jump.
func TestShimCode(t *testing.T) {
	want := map[*arch.ABI][2]string{
		x86.X86_64: {"syscall", "jmp rax"}, x86.I386: {"int 0x80", "jmp ecx"}, aarch64.AArch64: {"svc #0x0", "br x16"},
		arm.Arm: {"svc 0x00000000", "ldr pc, [pc, #-4]"}, ppc64.PPC64LE: {"sc 0", "bctr"},
	}
	for _, abi := range abis.All {
		calls := []arch.ShimCall{{Nr: 9, Args: [6]uint64{1, 2, 3, 4, 5, 6}}, {Nr: 11, Args: [6]uint64{1 << 31, 0xffff, 0, 1<<32 - 1, 0x1234, 0}}}
		list := disassemble(t, abi, abi.Stub.Shim(calls, 0x10000, 0x20000))
		require.Equal(t, len(calls), strings.Count("\n"+list, "\n"+want[abi][0]+"\n"), "%s\n%s", abi.Name, list)
		require.Contains(t, list, want[abi][1]+"\n", "%s\n%s", abi.Name, list)
	}
}

// TestStubCode: the code of every stub is all instructions, and calls the kernel at its known places only.
func TestStubCode(t *testing.T) {
	for _, abi := range abis.All {
		if abi == arm.Arm {
			continue // its literals are no instructions
		}
		list := disassemble(t, abi, abi.Stub.Code)
		require.NotContains(t, list, "?", abi.Name)
		calls := map[*arch.ABI]string{x86.X86_64: "syscall", x86.I386: "int 0x80", aarch64.AArch64: "svc #0x0", ppc64.PPC64LE: "sc 0"}[abi]
		require.Equal(t, 7, strings.Count("\n"+list, "\n"+calls+"\n"), "%s\n%s", abi.Name, list)
	}
}

// TestFinders: each finds what it is for wherever it stands, and nothing in code that has none of it.
func TestFinders(t *testing.T) {
	for _, c := range []struct {
		name  string
		find  func([]byte) int
		code  []byte
		align int
	}{
		{"aarch64 call", aarch64.AArch64.Stub.CallReturn, arch.Words(0xd4000001, 0xd65f03c0), 4},
		{"aarch64 sigreturn", aarch64.AArch64.Stub.Sigreturn, arch.Words(0xd2801168, 0xd4000001), 4},
		{"aarch64 svc", aarch64.AArch64.Stub.Syscall, arch.Words(0xd4000001), 4},
		{"arm svc", arm.Arm.Stub.Syscall, arch.Words(0xef000000), 4},
		{"arm call", arm.Arm.Stub.CallReturn, arch.Words(0xef000000, 0xe12fff1e), 4},
		{"arm call of go", arm.Arm.Stub.CallReturn, arch.Words(0xef000000, 0xe28ef000), 4},
		{"arm sigreturn", arm.Arm.Stub.Sigreturn, arch.Words(0xe3a070ad, 0xef000000), 4},
		{"arm sigreturn of arm kernels", arm.Arm.Stub.Sigreturn, arch.Words(0xe3a070ad, 0xef9000ad), 4},
		{"arm sigreturn of arm64 kernels", arm.Arm.Stub.Sigreturn, arch.Words(0xe3a070ad, 0xef0000ad), 4},
		{"ppc64le call", ppc64.PPC64LE.Stub.CallReturn, arch.Words(0x44000002, 0x4e800020), 4},
		{"ppc64le call with error", ppc64.PPC64LE.Stub.CallReturn, arch.Words(0x44000002, 0x4c830020, 0x7c6300d0, 0x4e800020), 4},
		{"ppc64le sigreturn", ppc64.PPC64LE.Stub.Sigreturn, arch.Words(0x380000ac, 0x44000002), 4},
		{"i386 sigreturn", x86.I386.Stub.Sigreturn, []byte{0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}, 1},
		{"i386 old sigreturn", x86.I386.Stub.OldSigreturn, []byte{0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, 1},
	} {
		for range 50 {
			before := make([]byte, rand.IntN(64)*c.align)
			code := append(append(before, c.code...), make([]byte, 16)...)
			require.Equal(t, len(before), c.find(code), c.name)
			require.Equal(t, -1, c.find(code[:len(before)+len(c.code)-1]), c.name)
			if c.align > 1 { // not an instruction
				require.Equal(t, -1, c.find(append([]byte{0}, code...)), c.name)
			}
		}
	}
}

// TestThumbFinders: Thumb code is found at every halfword, and marked; where there is ARM code as well, that is preferred.
func TestThumbFinders(t *testing.T) {
	stub := &arm.Arm.Stub
	for _, c := range []struct {
		name string
		find func([]byte) int
		code string
	}{
		{"svc", stub.Syscall, "\x00\xdf"}, {"call", stub.CallReturn, "\x00\xdf\x70\x47"}, {"sigreturn", stub.Sigreturn, "\xad\x27\x00\xdf"},
		{"sigreturn of arm64 kernels", stub.Sigreturn, "\xad\x27\xad\xdf"},
	} {
		require.Equal(t, 2|1, c.find([]byte("\xc0\x46"+c.code)), c.name)
		require.Equal(t, -1, c.find([]byte("\xc0"+c.code)), c.name)
	}
	require.Equal(t, 4, stub.Syscall([]byte("\x00\xdf\x00\x00\x00\x00\x00\xef")))
	gpr := make([]byte, arm.Arm.RegSets[0].Size)
	arm.Arm.Regs.SetCall(gpr, 0x1001, 1, [6]uint64{})
	require.EqualValues(t, 0x1000, arm.Arm.Regs.PC(gpr))
	require.EqualValues(t, 0x20, gpr[16*4], "the bit for Thumb in CPSR")
	arm.Arm.Regs.SetReturn(gpr, 0x2000, 0)
	require.Zero(t, gpr[16*4])
}

// TestRegs: what was set is what is read, and calls and jumps leave all other registers alone.
func TestRegs(t *testing.T) {
	for _, abi := range abis.All {
		mask := ^uint64(0)
		if abi.WordSize() == 4 {
			mask = 1<<32 - 1
		}
		for range 100 {
			gpr := make([]byte, abi.RegSets[0].Size)
			for i := range gpr {
				gpr[i] = byte(rand.Uint32())
			}
			pc, sp := rand.Uint64()&mask&^3, rand.Uint64()&mask&^15
			abi.Regs.SetReturn(gpr, pc, sp)
			require.Equal(t, pc, abi.Regs.PC(gpr), abi.Name)
			require.Equal(t, sp, abi.Regs.SP(gpr), abi.Name)
			stub := append([]byte(nil), gpr...)
			entry := rand.Uint64() & mask &^ 3
			abi.Regs.SetStub(stub, entry, 0x1000)
			require.Equal(t, entry, abi.Regs.PC(stub), abi.Name)
			require.Equal(t, sp, abi.Regs.SP(stub), abi.Name)
			abi.Regs.SetPC(stub, pc)
			require.LessOrEqual(t, differ(gpr, stub, abi.WordSize()), 1, "%s: the thread block's register alone", abi.Name)
			call := append([]byte(nil), gpr...)
			abi.Regs.SetCall(call, entry, 7, [6]uint64{1, 2, 3, 4, 5, 6})
			require.Equal(t, sp, abi.Regs.SP(call), abi.Name)
			abi.Regs.SetPC(call, pc)
			require.LessOrEqual(t, differ(gpr, call, abi.WordSize()), 7, "%s: six arguments and a number", abi.Name)
			frame, at := abi.Regs.Sigframe(nil, append([][]byte{gpr}, make([][]byte, len(abi.RegSets)-1)...), nil, 5, 1<<20)
			require.Zero(t, (at-1<<20)%4, abi.Name)
			require.GreaterOrEqual(t, at, uint64(1<<20+abi.WordSize()), "%s: room for a return address", abi.Name)
			require.Less(t, at, uint64(1<<20+len(frame)), abi.Name)
		}
	}
}

func differ(a, b []byte, word int) (n int) {
	for i := 0; i < len(a); i += word {
		if string(a[i:i+word]) != string(b[i:i+word]) {
			n++
		}
	}
	return n
}

// TestRestart: a call that was interrupted by nothing that the task handles is made again, one with a time left to wait is not.
func TestRestart(t *testing.T) {
	le := binary.LittleEndian
	const pc, arg = 0x1000, 0x77
	for _, c := range []struct {
		errno int64
		first arch.Handler
		again bool
	}{
		{-512, arch.NoHandler, true}, {-512, arch.Restarts, true}, {-512, arch.Interrupts, false},
		{-513, arch.Interrupts, true}, {-514, arch.NoHandler, true}, {-514, arch.Restarts, false}, {-516, arch.NoHandler, false},
	} {
		for _, scv := range []bool{false, true} {
			gpr := make([]byte, ppc64.PPC64LE.RegSets[0].Size)
			le.PutUint64(gpr[32*8:], pc)
			le.PutUint64(gpr[34*8:], arg)
			le.PutUint64(gpr[40*8:], 0xc00)
			le.PutUint64(gpr[38*8:], 1<<28)
			le.PutUint64(gpr[3*8:], uint64(-c.errno))
			if scv {
				le.PutUint64(gpr[40*8:], 0x3000)
				le.PutUint64(gpr[38*8:], 0)
				le.PutUint64(gpr[3*8:], uint64(c.errno))
			}
			r := ppc64.PPC64LE.Regs
			r.Rewind(gpr, c.first)
			once := string(gpr)
			r.Rewind(gpr, c.first)
			require.Equal(t, once, string(gpr))
			if c.again {
				require.EqualValues(t, pc-4, r.PC(gpr))
				require.EqualValues(t, arg, le.Uint64(gpr[3*8:]))
				require.Zero(t, le.Uint64(gpr[38*8:])&(1<<28))
			} else {
				require.EqualValues(t, pc, r.PC(gpr))
				if scv {
					require.EqualValues(t, -4, int64(le.Uint64(gpr[3*8:])))
				} else {
					require.EqualValues(t, -4, r.Result(gpr))
				}
			}
		}
		gpr := make([]byte, x86.I386.RegSets[0].Size)
		le.PutUint32(gpr[12*4:], pc)
		le.PutUint32(gpr[11*4:], arg)
		le.PutUint32(gpr[6*4:], uint32(c.errno))
		x86.I386.Regs.Rewind(gpr, c.first)
		if c.again {
			require.EqualValues(t, pc-2, x86.I386.Regs.PC(gpr))
			require.EqualValues(t, arg, x86.I386.Regs.Result(gpr))
		} else {
			require.EqualValues(t, pc, x86.I386.Regs.PC(gpr))
			require.EqualValues(t, -4, x86.I386.Regs.Result(gpr))
		}
	}
}

// TestMayResume: only sleeps and waits with a time-out are asked about, and those end in EINTR behind the call.
func TestMayResume(t *testing.T) {
	le := binary.LittleEndian
	gpr := make([]byte, aarch64.AArch64.RegSets[0].Size)
	le.PutUint64(gpr[32*8:], 0x1000)
	for nr, may := range map[uint64]bool{63: false, 101: true, 115: true, 128: true, 98: false} {
		le.PutUint64(gpr[8*8:], nr)
		require.Equal(t, may, aarch64.AArch64.Regs.MayResume(gpr) != nil, "%d", nr)
	}
	le.PutUint64(gpr[3*8:], 1) // the time-out of futex
	le.PutUint64(gpr[8*8:], 98)
	require.Equal(t, arch.Words(0xd4000001), aarch64.AArch64.Regs.MayResume(gpr))
	aarch64.AArch64.Regs.Interrupt(gpr)
	require.EqualValues(t, 0x1004, aarch64.AArch64.Regs.PC(gpr))
	require.EqualValues(t, -4, aarch64.AArch64.Regs.Result(gpr))

	gpr = make([]byte, arm.Arm.RegSets[0].Size)
	le.PutUint32(gpr[15*4:], 0x1000)
	le.PutUint32(gpr[7*4:], 162)
	require.Equal(t, arch.Words(0xef000000), arm.Arm.Regs.MayResume(gpr))
	le.PutUint32(gpr[16*4:], 0x30) // Thumb
	require.Equal(t, []byte{0, 0xdf}, arm.Arm.Regs.MayResume(gpr))
	arm.Arm.Regs.Interrupt(gpr)
	require.EqualValues(t, 0x1002, arm.Arm.Regs.PC(gpr))
}
