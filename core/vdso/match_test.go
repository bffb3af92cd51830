package vdso

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Areas as x86-64 has them since 6.13, and before.
var (
	new64 = Group{{0x7000, 0xb000, Read, "[vvar]"}, {0xb000, 0xd000, Read, "[vvar_vclock]"}, {0xd000, 0xf000, Read | Exec, "[vdso]"}}
	old64 = Group{{0x7000, 0xb000, Read, "[vvar]"}, {0xb000, 0xd000, Read | Exec, "[vdso]"}}
)

func (g Group) moved(by uint64) Group {
	var all Group
	for _, a := range g {
		all = append(all, Area{a.Start + by, a.End + by, a.Prot, a.Name})
	}
	return all
}

func TestFindGroup(t *testing.T) {
	heap, file, vsyscall := Area{0x1000, 0x2000, Read | Write, "[heap]"}, Area{0x2000, 0x3000, Read, "/lib/[vvar]x"}, Area{1 << 60, 1<<60 + 4096, Exec, "[vsyscall]"}
	got, err := FindGroup([]Area{new64[2], heap, file, new64[0], new64[1], vsyscall})
	require.NoError(t, err)
	require.Equal(t, new64, got)
	code, ok := got.Code()
	require.True(t, ok)
	require.Equal(t, new64[2], code)
	start, end := got.Span()
	require.Equal(t, [2]uint64{0x7000, 0xf000}, [2]uint64{start, end})

	got, err = FindGroup([]Area{heap, old64[0]})
	require.NoError(t, err)
	require.Equal(t, Group{old64[0]}, got)
	_, ok = got.Code()
	require.False(t, ok)

	got, err = FindGroup([]Area{heap})
	require.NoError(t, err)
	require.Empty(t, got)
	start, end = got.Span()
	require.Equal(t, [2]uint64{}, [2]uint64{start, end})

	_, err = FindGroup([]Area{new64[2], old64[1]})
	require.EqualError(t, err, "vdso: 2 areas named [vdso]")
}

func TestLayout(t *testing.T) {
	merged := Group{{0x7000, 0xd000, Read, ""}, new64[2]}
	tests := []struct {
		name      string
		image, rt Group
		kept      []int // of rt's areas
		err       string
	}{
		{"all", new64, new64.moved(1 << 20), []int{0, 1, 2}, ""},
		{"only code in the image", new64[2:], new64.moved(4096), []int{2}, ""},
		{"no clock pages in the image", Group{new64[0], new64[2]}, new64, []int{0, 2}, ""},
		{"data areas are one by now", merged, new64.moved(4096), []int{0, 1, 2}, ""},
		{"only data in the image", new64[:1], new64, nil, "vdso: no [vdso]"},
		{"older kernel here", new64, old64, nil, "vdso: areas lie or measure otherwise here: 7000-b000 [vvar] in the image"},
		{"newer kernel here", old64, new64, nil, "vdso: areas lie or measure otherwise here: 7000-b000 [vvar] in the image"},
		{"no data here", new64, new64[2:], nil, "vdso: areas lie or measure otherwise here: 7000-b000 [vvar] in the image"},
		{"code was moved", Group{old64[0], {0xf000, 0x11000, Read | Exec, "[vdso]"}}, old64, nil,
			"vdso: areas lie or measure otherwise here: 7000-b000 [vvar] in the image"},
		{"code is larger here", old64[1:], Group{{0x1000, 0x5000, Read | Exec, "[vdso]"}}, nil, "vdso: code of 0x4000 bytes here, 0x2000 in the image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := sameLayout(tt.image, tt.rt)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			code, _ := tt.image.Code()
			own, _ := tt.rt.Code()
			at := tt.rt.At(tt.rt[0].Start + code.Start - own.Start)
			var want Group
			for _, i := range tt.kept {
				want = append(want, at[i])
			}
			require.Equal(t, want, at.Keeps(tt.image))
		})
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		name   string
		change func(*table)
		err    string
	}{
		{"same", func(*table) {}, ""},
		{"linked elsewhere", func(tab *table) { tab.base = 0x700000 }, ""},
		{"other hash table", func(tab *table) { tab.sysv, tab.gnu = true, false }, "vdso: 0x"},
		{"build id", func(tab *table) { tab.buildID = []byte("id of amd64-0.00") }, "vdso: build id"},
		{"no build id", func(tab *table) { tab.buildID = nil }, "vdso: build id"},
		{"symbol value", func(tab *table) { tab.symbols[3].Value++ }, "vdso: symbol"},
		{"symbol size", func(tab *table) { tab.symbols[3].Size++ }, "vdso: symbol"},
		{"symbol hidden", func(tab *table) { tab.symbols[3].Name = "null" + tab.symbols[3].Name[4:] }, "vdso: symbol"},
		{"architecture", func(tab *table) { tab.machine = machines["EM_PPC64"] }, "vdso: EM_X86_64 ELFCLASS64 here, EM_PPC64 ELFCLASS64 in the image"},
	}
	rt := find(t, "amd64-6.18").parse(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tab := find(t, "amd64-6.18")
			tt.change(tab)
			img := tab.parse(t)
			if tt.name == "other hash table" {
				img.End--
			}
			err := Match(img, rt, new64, new64)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
		})
	}
	require.ErrorContains(t, Match(rt, rt, old64, new64), "vdso: areas lie or measure otherwise")

	// The table's order is the linker's: only what is in it counts.
	img := find(t, "amd64-6.18").parse(t)
	img.Symbols[0], img.Symbols[1] = img.Symbols[1], img.Symbols[0]
	require.NoError(t, Match(img, rt, new64, new64))
	img.Symbols = img.Symbols[1:]
	require.Error(t, Match(img, rt, new64, new64))
	require.Error(t, Match(rt, img, new64, new64))
}

func TestRecordedTablesMatchOnlyThemselves(t *testing.T) {
	all := tables(t)
	for _, a := range all {
		for _, b := range all {
			a.buildID, b.buildID = []byte("one"), []byte("one")
		}
	}
	same := 0
	for i, a := range all {
		for _, b := range all[:i] {
			if Match(a.parse(t), b.parse(t), new64, new64) == nil {
				same++
				t.Logf("%s = %s", a.name, b.name)
			}
		}
	}
	// Kernels of one release in several flavours have one vDSO but for the build ID.
	require.Less(t, same, 10)
}

func TestHole(t *testing.T) {
	const page = 4096
	code := Area{100 * page, 102 * page, Read | Exec, ""}
	tests := []struct {
		name        string
		taken       []Area
		size, reach uint64
		at          uint64
		ok          bool
	}{
		{"right below", nil, 4 * page, 1 << 20, 96 * page, true},
		{"below is taken", []Area{{90 * page, 100 * page, Read, ""}}, 4 * page, 1 << 20, 102 * page, true},
		{"gap too small", []Area{{90 * page, 97 * page, Read, ""}, {102 * page, 103 * page, Read, ""}}, 4 * page, 1 << 20, 103 * page, true},
		{"far below", []Area{{50 * page, 100 * page, Read, ""}, {102 * page, 1 << 30, Read, ""}}, 4 * page, 1 << 20, 46 * page, true},
		{"out of reach", []Area{{50 * page, 100 * page, Read, ""}, {102 * page, 1 << 30, Read, ""}}, 4 * page, 55 * page, 0, false},
		{"just in reach", []Area{{50 * page, 100 * page, Read, ""}, {102 * page, 1 << 30, Read, ""}}, 4 * page, 56 * page, 46 * page, true},
		{"nothing free", []Area{{0, 100 * page, Read, ""}, {102 * page, 1 << 30, Read, ""}}, page, 1 << 40, 0, false},
		{"overlapping areas", []Area{{0, 200 * page, Read, ""}, {10 * page, 20 * page, Read, ""}}, page, 1 << 40, 200 * page, true},
		{"lowest address", []Area{{12 * page, 100 * page, Read, ""}, {102 * page, 1 << 30, Read, ""}}, 3 * page, 1 << 40, 0, false},
		{"huge", nil, 1 << 62, 1 << 40, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, ok := Hole(tt.taken, code, tt.size, page, tt.reach, 10*page, 1<<30)
			require.Equal(t, tt.ok, ok)
			require.Equal(t, tt.at, at)
		})
	}
	at, ok := Hole([]Area{{90 * page, 100 * page, Read, ""}}, code, 4*page, 16*page, 1<<30, page, 1<<30)
	require.True(t, ok)
	require.Equal(t, uint64(112*page), at, "64k pages")
}
