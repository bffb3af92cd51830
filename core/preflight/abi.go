package preflight

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// abi: the task's ABI must be one that the engine serves. The program says which one it is; it is read only where the stack lies
// where a 32-bit program's would, since on a 64-bit kernel others have theirs far above.
func (s *scan) abi(t *subject) {
	const end32 = 1 << 32
	if s.ABIs[0].WordSize() == 8 && t.stat.StartStack >= end32 {
		return
	}
	fd, err := t.proc.OpenFile("exe", unix.O_RDONLY)
	if err != nil {
		t.unreadable(err)
		return
	}
	defer unix.Close(fd)
	var head [52]byte // struct Elf32_Ehdr, the larger part of Elf64_Ehdr
	if n, err := unix.Pread(fd, head[:], 0); err != nil || n < len(head) || string(head[:4]) != elf.ELFMAG {
		return // not a program by itself: a script's interpreter would be here
	}
	class, order := elf.Class(head[elf.EI_CLASS]), binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	machine := elf.Machine(order.Uint16(head[18:]))
	flags := order.Uint32(head[48:])
	if class == elf.ELFCLASS32 {
		flags = order.Uint32(head[36:])
	}
	for _, a := range s.ABIs {
		switch {
		case a.Machine != machine || a.Class != class:
		case a.ELFNeeds != 0 && flags&a.ELFNeeds == 0:
			t.add("process", fmt.Sprintf("an %s program of an older ABI (e_flags %#x)", a.Name, flags), "use a program built for EABI")
			return
		default:
			return
		}
	}
	name := fmt.Sprintf("a %s program (%s)", width(class), machine)
	if machine == elf.EM_X86_64 && class == elf.ELFCLASS32 {
		name = "an x32 program"
	}
	t.add("process", name+": this ABI is not served yet", "use a program built for "+s.ABIs[0].Name)
}

func width(c elf.Class) string {
	if c == elf.ELFCLASS32 {
		return "32-bit"
	}
	return "64-bit"
}
