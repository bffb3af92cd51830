package vdso

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMark(t *testing.T) {
	const ones = "ffffffffffffffff"
	tests := []struct {
		name string
		hex  string
		word int
		want *Mark
		err  string
	}{
		{"version 1", "637269757664736f" + "00f0ff7f00000000" + "0100000000000000", 8, &Mark{1, 0x7ffff000, None, None}, ""},
		{"version 2", "637269757644534f" + "00f0ff7f00000000" + "0200000000000000" + "00b0ff7f00000000", 8, &Mark{2, 0x7ffff000, 0x7fffb000, None}, ""},
		{"version 3", "435249557644534f" + "00f0ff7f00000000" + "0300000000000000" + "00b0ff7f00000000" + "0070ff7f00000000", 8,
			&Mark{3, 0x7ffff000, 0x7fffb000, 0x7fff7000}, ""},
		{"no data areas", "435249557644534f" + "00f0ff7f00000000" + "0300000000000000" + ones + ones, 8, &Mark{3, 0x7ffff000, None, None}, ""},
		{"words of 32 bits", "435249557644534f" + "00f0fff7" + "03000000" + "ffffffff" + "0070fff7", 4, &Mark{3, 0xf7fff000, None, 0xf7ff7000}, ""},
		{"ELF header", "7f454c4602010100" + "0000000000000000", 8, nil, ""},
		{"short", "435249557644", 8, nil, ""},
		{"cut off", "435249557644534f" + "00f0ff7f00000000" + "0300000000000000" + ones, 8, nil, "vdso mark: version 3: cut off at 32 bytes"},
		{"versions differ", "637269757644534f" + "00f0ff7f00000000" + "0300000000000000" + ones, 8, nil, "vdso mark: signature of version 2, version 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mem, err := hex.DecodeString(tt.hex)
			require.NoError(t, err)
			m, err := ParseMark(mem, tt.word)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, m)
			if m != nil && m.Version == 3 {
				require.Equal(t, mem, m.Bytes(tt.word))
				require.Len(t, mem, MarkSize(tt.word))
			}
		})
	}
}

func TestUnpark(t *testing.T) {
	// A proxy: the image vDSO and its [vvar] are plain memory at 0x7000, the kernel's group is parked at 0x107000.
	vvar, vdso := Area{0x7000, 0xb000, Read, ""}, Area{0xb000, 0xd000, Read | Exec, ""}
	data, code := vvar, vdso // by what they are
	data.Name, code.Name = "[vvar]", "[vdso]"
	closed := Area{0xb000, 0xd000, 0, ""}
	other := Area{0x1000, 0x2000, Read | Write, ""}
	rt := new64.moved(0x100000)
	mark := Mark{3, 0xb000, 0x7000, 0x107000}
	all := func(g Group, more ...Area) []Area { return append(append([]Area{other}, more...), g...) }
	at := func(m Mark) []Found { return []Found{{rt[2], m}} }
	with := func(change func(*Mark)) Mark { m := mark; change(&m); return m }
	tests := []struct {
		name  string
		areas []Area
		found []Found
		want  Proxy
		err   string
	}{
		{"no marks", all(new64), nil, Proxy{Group: new64}, ""},
		{"no group", all(nil), nil, Proxy{}, ""},
		{"data without code", all(new64[:2]), nil, Proxy{Group: new64[:2]}, ""},
		{"proxy", all(rt, vvar, vdso), at(mark), Proxy{Group: Group{data, code}, Parked: rt}, ""},
		{"version 1", all(rt, vvar, vdso), at(Mark{1, 0xb000, None, None}), Proxy{Group: Group{code}, Parked: rt}, ""},
		{"version 2 with data areas apart", all(Group{rt[0], rt[2]}, vvar, vdso), at(Mark{2, 0xb000, 0x7000, None}),
			Proxy{Group: Group{data, code}, Parked: Group{rt[2]}, Data: []Area{rt[0]}}, ""},
		{"named data area apart", all(Group{rt[0], rt[2]}, vvar, vdso), at(mark), Proxy{Group: Group{data, code}, Parked: Group{rt[0], rt[2]}}, ""},
		{"original vvar of the kernel's", all(rt, new64[0], vdso), at(mark), Proxy{Group: Group{new64[0], code}, Parked: rt}, ""},
		{"original vvar right before the parked group", all(rt, Area{0x103000, 0x107000, Read, "[vvar]"}, vdso), at(with(func(m *Mark) { m.VVar = 0x103000 })),
			Proxy{Group: Group{code, {0x103000, 0x107000, Read, "[vvar]"}}, Parked: rt}, ""},
		{"last data area named", all(rt, vvar, vdso), at(with(func(m *Mark) { m.VVar = 0xa000 })), Proxy{Group: Group{data, code}, Parked: rt}, ""},
		{"in an area apart", all(rt, Area{0x6000, 0xa000, Read, ""}, vdso), at(with(func(m *Mark) { m.VVar = 0x7000 })),
			Proxy{Group: Group{code}, Parked: rt, Notes: []string{"vdso mark at 10d000: no data area at 7000"}}, ""},
		{"no data area at all", all(rt[2:], vdso), at(Mark{3, 0xb000, None, None}), Proxy{Group: Group{code}, Parked: rt[2:]}, ""},
		{"vvar is writable", all(rt, Area{0x7000, 0xb000, Read | Write, ""}, vdso), at(mark),
			Proxy{Group: Group{code}, Parked: rt, Notes: []string{"vdso mark at 10d000: no data area at 7000"}}, ""},
		{"vvar is a file", all(rt, Area{0x7000, 0xb000, Read, "/etc/passwd"}, vdso), at(mark),
			Proxy{Group: Group{code}, Parked: rt, Notes: []string{"vdso mark at 10d000: no data area at 7000"}}, ""},
		{"parked vvar is something else", all(rt, vvar, vdso), at(with(func(m *Mark) { m.RTVVar = 0x1000 })),
			Proxy{Group: Group{data, code}, Parked: rt, Notes: []string{"vdso mark at 10d000: no data area at 1000"}}, ""},
		{"vdso out of range", all(rt, vvar, vdso), at(with(func(m *Mark) { m.VDSO = 0xc000 })),
			Proxy{Group: rt, Notes: []string{"vdso mark at 10d000: nothing begins at c000"}}, ""},
		{"vdso is data", all(nil, vvar, vdso), []Found{{Area{0x200000, 0x202000, Read | Exec, ""}, with(func(m *Mark) { m.VDSO = 0x1000 })}},
			Proxy{Notes: []string{"vdso mark at 200000: 1000-2000  is no image vdso"}}, ""},
		{"vdso is closed", all(rt, vvar, closed), at(mark), Proxy{Group: Group{data, {0xb000, 0xd000, 0, "[vdso]"}}, Parked: rt}, ""},
		{"points to itself", all(rt, vvar, vdso), at(with(func(m *Mark) { m.VDSO = 0x10d000 })),
			Proxy{Group: rt, Notes: []string{"vdso mark at 10d000: points to itself"}}, ""},
		{"two marks", all(rt, vvar, vdso), []Found{{rt[2], mark}, {Area{0x200000, 0x202000, Read | Exec, ""}, mark}}, Proxy{}, "vdso: marks at 10d000 and at 200000"},
		{"two groups", all(rt, new64...), nil, Proxy{}, "vdso: 2 areas named [vdso]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unpark(tt.areas, tt.found)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			if len(got.Data) == 0 {
				got.Data = nil
			}
			require.Equal(t, tt.want, *got)
		})
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add((&Mark{VDSO: 1, VVar: 2, RTVVar: None}).Bytes(8), false)
	f.Add((&Mark{VDSO: 1, VVar: 2, RTVVar: None}).Bytes(4), true)
	f.Fuzz(func(t *testing.T, mem []byte, short bool) {
		word := 8
		if short {
			word = 4
		}
		m, err := ParseMark(mem, word)
		if err != nil || m == nil {
			return
		}
		again, err := ParseMark(m.Bytes(word), word)
		require.NoError(t, err)
		m.Version = 3
		require.Equal(t, m, again)
	})
}
