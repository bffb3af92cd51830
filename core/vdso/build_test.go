package vdso

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/test/abis"
)

// table is a recorded image of testdata/tables.txt.
type table struct {
	name       string
	machine    elf.Machine
	size, end  uint64
	sysv, gnu  bool
	soname     string
	symbols    []Symbol
	buildID    []byte
	base       uint64 // link address
	noUndef    bool   // leave out the entry 0 that every real table has
	wrongCount uint32 // added to DT_HASH's count
}

var machines = func() map[string]elf.Machine {
	m := map[string]elf.Machine{}
	for _, abi := range abis.All {
		m[abi.Machine.String()] = abi.Machine
	}
	return m
}()

func tables(t testing.TB) []*table {
	f, err := os.Open("testdata/tables.txt")
	require.NoError(t, err)
	defer f.Close()
	var all []*table
	number := func(s string) uint64 {
		v, err := strconv.ParseUint(s, 0, 64)
		require.NoError(t, err)
		return v
	}
	for in := bufio.NewScanner(f); in.Scan(); {
		w := strings.Fields(in.Text())
		switch {
		case len(w) == 0 || w[0] == "#":
		case w[0] == "image":
			require.Contains(t, machines, w[2])
			all = append(all, &table{name: w[1], machine: machines[w[2]], size: number(w[3]), end: number(w[4]),
				sysv: strings.Contains(w[5], "sysv"), gnu: strings.Contains(w[5], "gnu"), soname: w[6], buildID: []byte("id of " + w[1])})
		default:
			s := Symbol{Name: w[0], Value: number(w[1]), Size: number(w[2]), Bind: elf.STB_GLOBAL}
			s.Type = map[string]elf.SymType{"func": elf.STT_FUNC, "object": elf.STT_OBJECT, "notype": elf.STT_NOTYPE}[w[3]]
			if w[4][0] == 'w' {
				s.Bind = elf.STB_WEAK
			}
			s.Abs = strings.HasSuffix(w[4], "a")
			last := all[len(all)-1]
			last.symbols = append(last.symbols, s)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func find(t testing.TB, prefix string) *table {
	for _, tab := range tables(t) {
		if strings.HasPrefix(tab.name, prefix) {
			return tab
		}
	}
	require.Fail(t, "no image "+prefix)
	return nil
}

// abi is that of the tasks that the image is for; nil: none that is served.
func (tab *table) abi() *arch.ABI {
	if strings.HasPrefix(tab.name, "x32") {
		return nil
	}
	for _, abi := range abis.All {
		if abi.Machine == tab.machine {
			return abi
		}
	}
	return nil
}

func (tab *table) class() elf.Class {
	if tab.machine == elf.EM_386 || tab.machine == elf.EM_ARM {
		return elf.ELFCLASS32
	}
	return elf.ELFCLASS64
}

// build makes an image with the table's symbols. The tables follow the place where the code is, so that symbols keep their
// addresses.
func (tab *table) build(t testing.TB) []byte {
	le := binary.LittleEndian
	is64 := tab.class() == elf.ELFCLASS64
	var mem []byte
	address := func(v uint64) {
		if is64 {
			mem = le.AppendUint64(mem, v)
		} else {
			mem = le.AppendUint32(mem, uint32(v))
		}
	}
	half := func(v uint16) { mem = le.AppendUint16(mem, v) }
	word := func(v uint32) { mem = le.AppendUint32(mem, v) }
	here := func() uint64 {
		for len(mem)%8 != 0 {
			mem = append(mem, 0)
		}
		return uint64(len(mem)) + tab.base
	}
	mem = make([]byte, tab.end)

	strtab := []byte{0}
	name := func(s string) uint32 {
		at := len(strtab)
		strtab = append(append(strtab, s...), 0)
		return uint32(at)
	}
	symtab := here()
	symbols := tab.symbols
	if !tab.noUndef {
		symbols = append([]Symbol{{}}, symbols...)
	}
	for i, s := range symbols {
		section := uint16(7)
		value := s.Value + tab.base
		info := byte(s.Bind)<<4 | byte(s.Type)
		switch {
		case s.Abs:
			section, value = uint16(elf.SHN_ABS), s.Value
		case s.Name == "" && i == 0:
			section, value = 0, 0
		}
		n := uint32(0)
		if s.Name != "" {
			n = name(s.Name)
		}
		word(n)
		if is64 {
			mem = append(mem, info, s.Other)
			half(section)
			address(value)
			address(s.Size)
		} else {
			address(value)
			address(s.Size)
			mem = append(mem, info, s.Other)
			half(section)
		}
	}
	sysv := here()
	word(1)
	word(uint32(len(symbols)) + tab.wrongCount)
	word(1)
	for range symbols {
		word(0)
	}
	gnu := here()
	word(2)
	word(1)
	word(1)
	word(0)
	address(^uint64(0))
	// Two buckets; the second chain begins at the third symbol.
	word(1)
	word(min(3, uint32(len(symbols)-1)))
	for i := 1; i < len(symbols); i++ {
		end := uint32(0)
		if i == 2 || i == len(symbols)-1 {
			end = 1
		}
		word(0x1234560 | end)
	}
	so := name(tab.soname)
	strings := here()
	mem = append(mem, strtab...)
	note := here()
	for _, n := range []struct {
		owner string
		typ   uint32
		desc  []byte
	}{{"Linux\x00", 0, []byte{1, 2, 3, 4}}, {"GNU\x00", 3, tab.buildID}} {
		word(uint32(len(n.owner)))
		word(uint32(len(n.desc)))
		word(n.typ)
		for _, b := range [][]byte{[]byte(n.owner), n.desc} {
			mem = append(mem, b...)
			for len(mem)%4 != 0 {
				mem = append(mem, 0)
			}
		}
	}
	noteEnd := uint64(len(mem)) + tab.base
	dynamic := here()
	entry := func(tag elf.DynTag, v uint64) { address(uint64(tag)); address(v) }
	entry(elf.DT_SONAME, uint64(so))
	if tab.sysv {
		entry(elf.DT_HASH, sysv)
	}
	if tab.gnu {
		entry(elf.DT_GNU_HASH, gnu)
	}
	entry(elf.DT_STRTAB, strings)
	entry(elf.DT_SYMTAB, symtab)
	entry(elf.DT_STRSZ, uint64(len(strtab)))
	entry(elf.DT_NULL, 0)
	end := uint64(len(mem))
	for len(mem)%4096 != 0 {
		mem = append(mem, 0)
	}

	body := mem
	mem = nil
	mem = append(mem, elf.ELFMAG...)
	mem = append(mem, byte(tab.class()), 1, 1)
	mem = append(mem, make([]byte, 9)...)
	half(uint16(elf.ET_DYN))
	half(uint16(tab.machine))
	word(1)
	address(0)
	if is64 {
		address(64)
	} else {
		address(52)
	}
	address(0)
	word(0)
	half(0)
	if is64 {
		half(56)
	} else {
		half(32)
	}
	half(3)
	for range 3 {
		half(0)
	}
	for _, p := range []phdr{
		{elf.PT_LOAD, 0, tab.base, end},
		{elf.PT_DYNAMIC, dynamic - tab.base, dynamic, end + tab.base - dynamic},
		{elf.PT_NOTE, note - tab.base, note, noteEnd - note},
	} {
		word(uint32(p.typ))
		if is64 {
			word(5)
		}
		address(p.off)
		address(p.vaddr)
		address(p.vaddr)
		address(p.memsz)
		address(p.memsz)
		if !is64 {
			word(5)
		}
		address(8)
	}
	return append(bytes.Clone(mem), body[len(mem):]...)
}

func (tab *table) parse(t testing.TB) *Image {
	img, err := Parse(tab.build(t))
	require.NoError(t, err, tab.name)
	return img
}

func (tab *table) String() string { return fmt.Sprintf("%s %v", tab.name, tab.machine) }
