package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
)

// Image is what the bytes of a vDSO say. They may come from an image file: every offset in them is checked. debug/elf does not
// read them, since it starts from the section headers, which are no part of what is loaded.
type Image struct {
	Machine elf.Machine
	Class   elf.Class
	Order   binary.ByteOrder
	Soname  string
	BuildID []byte   // NT_GNU_BUILD_ID; nil if there is none
	End     uint64   // where what is loaded ends, from the start of the image
	Symbols []Symbol // of the dynamic symbol table, in its order, without the undefined ones
}

// Symbol is an entry of the dynamic symbol table.
type Symbol struct {
	Name  string
	Value uint64 // from the start of the image unless Abs; bit 0 is set in Thumb functions
	Size  uint64
	Type  elf.SymType
	Bind  elf.SymBind
	Abs   bool // a version name rather than an address
	Other byte // st_other
}

// Local says that the function has a local entry point beside its global one, where it finds its TOC by its own address in r12 (64-Bit
// ELF V2 ABI Specification, 3.4.1). No kernel's vDSO has any so far.
func (s *Symbol) Local() bool { return s.Other>>5 > 1 }

// reader reads an image by the addresses it is linked at.
type reader struct {
	mem   []byte
	base  uint64 // link address of the image's first byte
	order binary.ByteOrder
	is64  bool
}

// at returns n bytes at link address addr, or nil.
func (r *reader) at(addr, n uint64) []byte {
	off := addr - r.base
	if off > uint64(len(r.mem)) || n > uint64(len(r.mem))-off {
		return nil
	}
	return r.mem[off : off+n]
}

// word is the size of an address.
func (r *reader) word() uint64 {
	if r.is64 {
		return 8
	}
	return 4
}

func (r *reader) addr(b []byte) uint64 {
	if r.is64 {
		return r.order.Uint64(b)
	}
	return uint64(r.order.Uint32(b))
}

func bad(where, format string, args ...any) error {
	return fmt.Errorf("vdso image: %s: %w", where, fmt.Errorf(format, args...))
}

// phdr is what is used of a program header.
type phdr struct {
	typ               elf.ProgType
	off, vaddr, memsz uint64
}

// Parse reads a vDSO as it is in memory.
func Parse(mem []byte) (*Image, error) {
	img := &Image{}
	r := &reader{mem: mem}
	segments, err := r.header(img)
	if err != nil {
		return nil, err
	}
	var load, dynamic *phdr
	for i := range segments {
		p := &segments[i]
		switch p.typ {
		case elf.PT_LOAD:
			if load != nil {
				return nil, bad("program headers", "more than one PT_LOAD")
			}
			load = p
		case elf.PT_DYNAMIC:
			dynamic = p
		}
	}
	if load == nil || dynamic == nil {
		return nil, bad("program headers", "no PT_LOAD or no PT_DYNAMIC")
	}
	if load.off != 0 || load.memsz == 0 || load.memsz > uint64(len(mem)) {
		return nil, bad("PT_LOAD", "offset %#x, size %#x, in an area of %#x", load.off, load.memsz, len(mem))
	}
	// Old x86-64 kernels link it elsewhere than at 0.
	r.base = load.vaddr
	img.End = load.memsz
	for _, p := range segments {
		if p.typ == elf.PT_NOTE && img.BuildID == nil {
			if img.BuildID, err = r.buildID(p); err != nil {
				return nil, err
			}
		}
	}
	return img, r.dynamic(img, *dynamic)
}

// header reads the ELF header and the program headers.
func (r *reader) header(img *Image) ([]phdr, error) {
	if len(r.mem) < 64 || !bytes.HasPrefix(r.mem, []byte(elf.ELFMAG)) {
		return nil, bad("ELF header", "not an ELF file")
	}
	switch img.Class = elf.Class(r.mem[elf.EI_CLASS]); img.Class {
	case elf.ELFCLASS32:
	case elf.ELFCLASS64:
		r.is64 = true
	default:
		return nil, bad("ELF header", "%v", img.Class)
	}
	switch data := elf.Data(r.mem[elf.EI_DATA]); data {
	case elf.ELFDATA2LSB:
		r.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		r.order = binary.BigEndian
	default:
		return nil, bad("ELF header", "%v", data)
	}
	img.Order = r.order
	img.Machine = elf.Machine(r.order.Uint16(r.mem[18:]))
	if t := elf.Type(r.order.Uint16(r.mem[16:])); t != elf.ET_DYN {
		return nil, bad("ELF header", "%v", t)
	}
	phoff, phent, phnum, size := r.addr(r.mem[28:]), r.mem[42:], r.mem[44:], uint64(32)
	if r.is64 {
		phoff, phent, phnum, size = r.addr(r.mem[32:]), r.mem[54:], r.mem[56:], 56
	}
	if n := r.order.Uint16(phent); uint64(n) != size {
		return nil, bad("ELF header", "program headers of %d bytes", n)
	}
	table := r.at(phoff, size*uint64(r.order.Uint16(phnum)))
	if table == nil {
		return nil, bad("ELF header", "program headers at %#x: out of range", phoff)
	}
	var all []phdr
	for ; len(table) > 0; table = table[size:] {
		p := phdr{typ: elf.ProgType(r.order.Uint32(table))}
		if r.is64 {
			p.off, p.vaddr, p.memsz = r.addr(table[8:]), r.addr(table[16:]), r.addr(table[40:])
		} else {
			p.off, p.vaddr, p.memsz = r.addr(table[4:]), r.addr(table[8:]), r.addr(table[20:])
		}
		all = append(all, p)
	}
	return all, nil
}

// OfOther says that an image, of which head is the beginning, is of tasks whose words have not that size. A task of x86-64 can have one mapped
// (arch_prctl, ARCH_MAP_VDSO_32).
func OfOther(head []byte, word int) bool {
	class := elf.ELFCLASS64
	if word == 4 {
		class = elf.ELFCLASS32
	}
	return len(head) > elf.EI_CLASS && bytes.HasPrefix(head, []byte(elf.ELFMAG)) && elf.Class(head[elf.EI_CLASS]) != class
}

// buildID looks for NT_GNU_BUILD_ID in the notes of p.
func (r *reader) buildID(p phdr) ([]byte, error) {
	const ntGNUBuildID = 3
	notes := r.at(p.vaddr, p.memsz)
	if notes == nil {
		return nil, bad("PT_NOTE", "%#x bytes at %#x: out of range", p.memsz, p.vaddr)
	}
	for len(notes) >= 12 {
		name, desc := uint64(r.order.Uint32(notes)), uint64(r.order.Uint32(notes[4:]))
		typ := r.order.Uint32(notes[8:])
		from := 12 + (name+3)&^3
		to := from + (desc+3)&^3
		if from+desc > uint64(len(notes)) {
			return nil, bad("PT_NOTE", "note of %d + %d bytes: out of range", name, desc)
		}
		if typ == ntGNUBuildID && string(notes[12:12+name]) == "GNU\x00" && desc > 0 {
			return bytes.Clone(notes[from : from+desc]), nil
		}
		notes = notes[min(to, uint64(len(notes))):]
	}
	return nil, nil
}

// none is an entry that the dynamic section lacks.
const none = math.MaxUint64

// dynamic reads the dynamic section and what it points to.
func (r *reader) dynamic(img *Image, p phdr) error {
	section := r.at(p.vaddr, p.memsz)
	if section == nil {
		return bad("PT_DYNAMIC", "%#x bytes at %#x: out of range", p.memsz, p.vaddr)
	}
	entry := map[elf.DynTag]uint64{elf.DT_HASH: none, elf.DT_GNU_HASH: none, elf.DT_SYMTAB: none, elf.DT_STRTAB: none, elf.DT_SONAME: none}
	w := r.word()
	for uint64(len(section)) >= 2*w {
		tag := elf.DynTag(r.addr(section))
		if tag == elf.DT_NULL {
			break
		}
		entry[tag] = r.addr(section[w:])
		section = section[2*w:]
	}
	if entry[elf.DT_SYMTAB] == none {
		return bad("dynamic section", "no DT_SYMTAB")
	}
	strings := r.at(entry[elf.DT_STRTAB], entry[elf.DT_STRSZ])
	if strings == nil {
		return bad("dynamic section", "DT_STRTAB %#x, DT_STRSZ %#x: out of range", entry[elf.DT_STRTAB], entry[elf.DT_STRSZ])
	}
	if so := entry[elf.DT_SONAME]; so != none {
		var err error
		if img.Soname, err = str(strings, so); err != nil {
			return bad("DT_SONAME", "%w", err)
		}
	}
	n, err := r.symbolCount(entry[elf.DT_HASH], entry[elf.DT_GNU_HASH])
	if err != nil {
		return err
	}
	return r.symbols(img, entry[elf.DT_SYMTAB], n, strings)
}

// str is the string at off in a string table.
func str(table []byte, off uint64) (string, error) {
	if off >= uint64(len(table)) {
		return "", fmt.Errorf("name at %#x: out of range", off)
	}
	s, _, ok := bytes.Cut(table[off:], []byte{0})
	if !ok {
		return "", fmt.Errorf("name at %#x: no end", off)
	}
	if bytes.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) { // it may come to a terminal
		return "", fmt.Errorf("name at %#x: %q", off, s)
	}
	return string(s), nil
}
