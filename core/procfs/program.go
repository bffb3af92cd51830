package procfs

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
)

// Program is the ABI that an executable names in its ELF header.
type Program struct {
	Machine elf.Machine
	Class   elf.Class
	Flags   uint32 // e_flags
}

// efArmEABI is EF_ARM_EABIMASK: the version of EABI that a program of it is of (arch/arm/include/asm/elf.h).
const efArmEABI = 0xff000000

func (p Program) String() string {
	switch {
	case p.Machine == elf.EM_X86_64 && p.Class == elf.ELFCLASS32:
		return "an x32 program"
	case p.Machine == elf.EM_ARM && p.Flags&efArmEABI == 0:
		return fmt.Sprintf("an arm program of OABI (e_flags %#x)", p.Flags)
	case p.Class == elf.ELFCLASS32 && p.Flags != 0:
		return fmt.Sprintf("a 32-bit program (%s, e_flags %#x)", p.Machine, p.Flags)
	case p.Class == elf.ELFCLASS32:
		return fmt.Sprintf("a 32-bit program (%s)", p.Machine)
	}
	return fmt.Sprintf("a 64-bit program (%s)", p.Machine)
}

// For says whether the program is one of an ABI.
func (p Program) For(a *arch.ABI) bool {
	return a.Machine == p.Machine && a.Class == p.Class && (a.ELFNeeds == 0 || p.Flags&a.ELFNeeds != 0)
}

// ABI returns the one of abis, the kernel's own first, that the program of a task is for, or nil. The program is read only where the
// stack begins where a 32-bit program's would, since on a 64-bit kernel others have theirs far above; else its header is empty.
func (t *Task) ABI(stat *Stat, abis []*arch.ABI) (*arch.ABI, Program, error) {
	const end32 = 1 << 32
	if abis[0].WordSize() == 8 && stat.StartStack >= end32 {
		return abis[0], Program{}, nil
	}
	fd, err := t.OpenFile("exe", unix.O_RDONLY)
	if err != nil {
		return nil, Program{}, err
	}
	defer unix.Close(fd)
	var head [52]byte // struct Elf32_Ehdr, the larger part of Elf64_Ehdr
	if n, err := unix.Pread(fd, head[:], 0); err != nil || n < len(head) || string(head[:4]) != elf.ELFMAG {
		return abis[0], Program{}, nil // the file has changed: what runs was one
	}
	p := program(head[:])
	if i := slices.IndexFunc(abis, p.For); i >= 0 {
		return abis[i], p, nil
	}
	return nil, p, nil
}

func program(head []byte) Program {
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	p := Program{Class: elf.Class(head[elf.EI_CLASS]), Machine: elf.Machine(order.Uint16(head[18:])), Flags: order.Uint32(head[48:])}
	if p.Class == elf.ELFCLASS32 {
		p.Flags = order.Uint32(head[36:])
	}
	return p
}
