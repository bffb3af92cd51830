package vdso

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRecordedTables(t *testing.T) {
	for _, tab := range tables(t) {
		for _, hash := range []struct{ sysv, gnu bool }{{true, false}, {false, true}, {true, true}} {
			for _, base := range []uint64{0, 0xff700000} {
				tab.sysv, tab.gnu, tab.base = hash.sysv, hash.gnu, base
				img := tab.parse(t)
				require.Equal(t, tab.symbols, img.Symbols, tab.name)
				require.Equal(t, tab.machine, img.Machine)
				require.Equal(t, tab.class(), img.Class)
				require.Equal(t, tab.soname, img.Soname)
				require.Equal(t, tab.buildID, img.BuildID)
				require.Greater(t, img.End, tab.end)
			}
		}
	}
}

func TestParseDamaged(t *testing.T) {
	tests := []struct {
		name   string
		change func(*table)
		damage func([]byte) []byte
		err    string
	}{
		{"empty", nil, func(b []byte) []byte { return nil }, "vdso image: ELF header: not an ELF file"},
		{"class", nil, func(b []byte) []byte { b[4] = 9; return b }, "vdso image: ELF header: ELFCLASS"},
		{"byte order", nil, func(b []byte) []byte { b[5] = 0; return b }, "vdso image: ELF header: ELFDATANONE"},
		{"executable", nil, func(b []byte) []byte { b[16] = 2; return b }, "vdso image: ELF header: ET_EXEC"},
		{"size of program headers", nil, func(b []byte) []byte { b[54] = 55; return b }, "vdso image: ELF header: program headers of 55 bytes"},
		{"place of program headers", nil, func(b []byte) []byte { b[39] = 0xff; return b }, "vdso image: ELF header: program headers at 0xff00000000000040: out of range"},
		{"no PT_DYNAMIC", nil, func(b []byte) []byte { b[64+56] = 9; return b }, "vdso image: program headers: no PT_LOAD or no PT_DYNAMIC"},
		{"two PT_LOAD", nil, func(b []byte) []byte { b[64+56] = 1; return b }, "vdso image: program headers: more than one PT_LOAD"},
		{"cut off", nil, func(b []byte) []byte { return b[:300] }, "vdso image: PT_LOAD: offset 0x0"},
		{"dynamic section", nil, func(b []byte) []byte { b[64+56+16+7] = 1; return b }, "vdso image: PT_DYNAMIC:"},
		{"note", nil, func(b []byte) []byte { b[64+56*2+16+7] = 1; return b }, "vdso image: PT_NOTE:"},
		{"no hash", func(tab *table) { tab.sysv, tab.gnu = false, false }, nil, "vdso image: dynamic section: neither DT_HASH nor DT_GNU_HASH"},
		{"counts differ", func(tab *table) { tab.wrongCount = 1 }, nil, "vdso image: dynamic section: 15 symbols in DT_HASH, 14 in DT_GNU_HASH"},
		{"huge count", func(tab *table) { tab.wrongCount, tab.gnu = 1<<31, false }, nil, "vdso image: DT_SYMTAB: 2147483662 symbols: out of range"},
		{"symbol past the end", func(tab *table) { tab.symbols[1].Value = 1 << 40 }, nil, "vdso image: DT_SYMTAB: symbol __vdso_"},
		{"name not to be shown", func(tab *table) { tab.symbols[1].Name = "__vdso_\x1b[2J" }, nil, `name at 0x`},
		{"symbol longer than the rest", func(tab *table) { tab.symbols[1].Size = ^uint64(0) }, nil, "vdso image: DT_SYMTAB: symbol __vdso_"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tab := find(t, "amd64-6.18")
			if tt.change != nil {
				tt.change(tab)
			}
			mem := tab.build(t)
			if tt.damage != nil {
				mem = tt.damage(mem)
			}
			_, err := Parse(mem)
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestParseNoBuildID(t *testing.T) {
	tab := find(t, "ppc64le-6.12")
	tab.buildID = nil
	img := tab.parse(t)
	require.Nil(t, img.BuildID)
	require.Equal(t, binary.LittleEndian, img.Order)
}

func TestFunctions(t *testing.T) {
	var names []string
	for _, s := range find(t, "arm64-7.2").parse(t).Functions() {
		names = append(names, s.Name)
	}
	require.ElementsMatch(t, []string{"__kernel_clock_gettime", "__kernel_gettimeofday", "__kernel_clock_getres", "__kernel_rt_sigreturn",
		"__kernel_getrandom"}, names)
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"amd64-6.18", "386-compat-6.18", "arm64-7.2", "arm-7.2", "ppc64le-6.1."} {
		f.Add(find(f, name).build(f))
	}
	f.Fuzz(func(t *testing.T, mem []byte) {
		img, err := Parse(mem)
		if err != nil {
			return
		}
		require.LessOrEqual(t, img.End, uint64(len(mem)))
		for _, s := range img.Functions() {
			require.LessOrEqual(t, s.Value&^1+s.Size, img.End)
			require.NotEqual(t, elf.STT_OBJECT, s.Type)
		}
		// The decisions hold their promises too.
		all, err := Decide(img, img)
		for i := range all {
			if err == nil && i > 0 {
				require.LessOrEqual(t, all[i-1].Value&^1+all[i-1].Room, all[i].Value&^1)
			}
		}
		require.Equal(t, len(img.BuildID) > 0, Match(img, img, new64, new64) == nil)
	})
}
