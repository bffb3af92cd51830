package arch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// loadAlign is the largest page size of any kernel, to which segments are aligned.
const loadAlign = 64 << 10

// Program is an ELF file of one segment, loaded at address at: headers and text, at whose beginning it starts. It asks for no executable
// stack: without saying so the kernel would set READ_IMPLIES_EXEC.
func (a *ABI) Program(text []byte, at uint64) []byte {
	const rx, rw = uint32(elf.PF_R | elf.PF_X), uint32(elf.PF_R | elf.PF_W)
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(a.Class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	var hdr, progs any
	var off int
	if a.Class == elf.ELFCLASS32 {
		const ehsize, phsize = 52, 32
		off = ehsize + 2*phsize
		at, size := uint32(at), uint32(off+len(text))
		hdr = elf.Header32{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(a.Machine), Version: uint32(elf.EV_CURRENT), Flags: a.ELFFlags,
			Entry: at + uint32(off), Phoff: ehsize, Ehsize: ehsize, Phentsize: phsize, Phnum: 2,
		}
		progs = []elf.Prog32{
			{Type: uint32(elf.PT_LOAD), Flags: rx, Vaddr: at, Paddr: at, Filesz: size, Memsz: size, Align: loadAlign},
			{Type: uint32(elf.PT_GNU_STACK), Flags: rw},
		}
	} else {
		const ehsize, phsize = 64, 56
		off = ehsize + 2*phsize
		size := uint64(off + len(text))
		hdr = elf.Header64{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(a.Machine), Version: uint32(elf.EV_CURRENT), Flags: a.ELFFlags,
			Entry: at + uint64(off), Phoff: ehsize, Ehsize: ehsize, Phentsize: phsize, Phnum: 2,
		}
		progs = []elf.Prog64{
			{Type: uint32(elf.PT_LOAD), Flags: rx, Vaddr: at, Paddr: at, Filesz: size, Memsz: size, Align: loadAlign},
			{Type: uint32(elf.PT_GNU_STACK), Flags: rw},
		}
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, hdr)
	_ = binary.Write(&b, binary.LittleEndian, progs)
	b.Write(text)
	return b.Bytes()
}
