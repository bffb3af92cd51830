package vdso

import "debug/elf"

// symbolCount is the length of the dynamic symbol table, which only the hash tables tell. An image has either or both: arm64 has
// only DT_GNU_HASH since 6.12, native arm only DT_HASH (the linker flags in arch/*/kernel/vdso/Makefile and arch/arm/vdso/Makefile).
func (r *reader) symbolCount(sysv, gnu uint64) (uint64, error) {
	if sysv == none && gnu == none {
		return 0, bad("dynamic section", "neither DT_HASH nor DT_GNU_HASH")
	}
	var n uint64
	if sysv != none {
		head := r.at(sysv, 8)
		if head == nil {
			return 0, bad("DT_HASH", "%#x: out of range", sysv)
		}
		n = uint64(r.order.Uint32(head[4:]))
	}
	if gnu != none {
		m, err := r.gnuHash(gnu)
		if err != nil {
			return 0, err
		}
		if sysv != none && n != m {
			return 0, bad("dynamic section", "%d symbols in DT_HASH, %d in DT_GNU_HASH", n, m)
		}
		n = m
	}
	return n, nil
}

// gnuHash counts the symbols of a DT_GNU_HASH table: the highest index that a bucket begins with, and on to the end of its chain.
func (r *reader) gnuHash(at uint64) (uint64, error) {
	head := r.at(at, 16)
	if head == nil {
		return 0, bad("DT_GNU_HASH", "%#x: out of range", at)
	}
	buckets, first, bloom := uint64(r.order.Uint32(head)), uint64(r.order.Uint32(head[4:])), uint64(r.order.Uint32(head[8:]))
	at += 16 + bloom*r.word()
	table := r.at(at, 4*buckets)
	if table == nil {
		return 0, bad("DT_GNU_HASH", "%d buckets, %d words of filter: out of range", buckets, bloom)
	}
	last := uint64(0)
	for ; len(table) > 0; table = table[4:] {
		last = max(last, uint64(r.order.Uint32(table)))
	}
	if last < first {
		return first, nil
	}
	for at += 4*buckets + 4*(last-first); ; at += 4 {
		link := r.at(at, 4)
		if link == nil {
			return 0, bad("DT_GNU_HASH", "chain of symbol %d: out of range", last)
		}
		last++
		if r.order.Uint32(link)&1 != 0 {
			return last, nil
		}
	}
}

// symbols reads n entries of the symbol table at at.
func (r *reader) symbols(img *Image, at, n uint64, strings []byte) error {
	size := uint64(16)
	if r.is64 {
		size = 24
	}
	if n > uint64(len(r.mem))/size {
		return bad("DT_SYMTAB", "%d symbols: out of range", n)
	}
	table := r.at(at, n*size)
	if table == nil {
		return bad("DT_SYMTAB", "%d symbols at %#x: out of range", n, at)
	}
	for i := 0; len(table) > 0; i, table = i+1, table[size:] {
		var s Symbol
		var section elf.SectionIndex
		var info byte
		if r.is64 {
			info, s.Other, section = table[4], table[5], elf.SectionIndex(r.order.Uint16(table[6:]))
			s.Value, s.Size = r.order.Uint64(table[8:]), r.order.Uint64(table[16:])
		} else {
			s.Value, s.Size = uint64(r.order.Uint32(table[4:])), uint64(r.order.Uint32(table[8:]))
			info, s.Other, section = table[12], table[13], elf.SectionIndex(r.order.Uint16(table[14:]))
		}
		if section == elf.SHN_UNDEF {
			continue
		}
		var err error
		if s.Name, err = str(strings, uint64(r.order.Uint32(table))); err != nil {
			return bad("DT_SYMTAB", "symbol %d: %w", i, err)
		}
		s.Type, s.Bind, s.Abs = elf.ST_TYPE(info), elf.ST_BIND(info), section == elf.SHN_ABS
		if !s.Abs {
			s.Value -= r.base
			if s.Value > img.End || s.Size > img.End-s.Value&^1 {
				return bad("DT_SYMTAB", "symbol %s: %#x bytes at %#x: outside what is loaded", s.Name, s.Size, s.Value)
			}
		}
		img.Symbols = append(img.Symbols, s)
	}
	return nil
}

// Functions are the symbols that name code.
func (img *Image) Functions() []Symbol {
	var all []Symbol
	for _, s := range img.Symbols {
		// __kernel_rt_sigreturn of arm64 has no type.
		if !s.Abs && (s.Type == elf.STT_FUNC || s.Type == elf.STT_NOTYPE) {
			all = append(all, s)
		}
	}
	return all
}
