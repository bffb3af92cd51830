// Package abis lists the ABIs for tests that go through all of them, and disassembles their code. It imports the packages below arch and
// nothing else of the engine.
package abis

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm/armasm"
	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/ppc64/ppc64asm"
	"golang.org/x/arch/x86/x86asm"

	"woodfrog/arch"
	"woodfrog/arch/aarch64"
	"woodfrog/arch/arm"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
)

// All are the ABIs that programs are built for.
var All = []*arch.ABI{x86.X86_64, x86.I386, aarch64.AArch64, arm.Arm, ppc64.PPC64LE}

// ByGOARCH are the same by Go's names of the processors.
var ByGOARCH = map[string]*arch.ABI{
	"amd64": x86.X86_64, "386": x86.I386, "arm64": aarch64.AArch64, "arm": arm.Arm, "ppc64le": ppc64.PPC64LE,
}

// Instruction is the first one of code, which is at address at, and its size in bytes. Of arm there is no Thumb.
func Instruction(abi *arch.ABI, code []byte, at uint64) (text string, size int, err error) {
	size = 4
	switch abi {
	case x86.X86_64, x86.I386:
		inst, e := x86asm.Decode(code, 8*abi.WordSize())
		text, size, err = x86asm.IntelSyntax(inst, at, nil), inst.Len, e
	case aarch64.AArch64:
		inst, e := arm64asm.Decode(code)
		text, err = strings.ToLower(arm64asm.GNUSyntax(inst)), e
	case arm.Arm:
		inst, e := armasm.Decode(code, armasm.ModeARM)
		text, err = armasm.GNUSyntax(inst), e
	case ppc64.PPC64LE:
		inst, e := ppc64asm.Decode(code, binary.LittleEndian)
		text, err = ppc64asm.GNUSyntax(inst, at), e
	default:
		err = fmt.Errorf("%s: no disassembler", abi.Name)
	}
	return text, size, err
}
