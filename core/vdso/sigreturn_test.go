package vdso

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSigreturns(t *testing.T) {
	for _, c := range []struct {
		rt, img string
		want    map[uint64]uint64
	}{
		{"arm64-6.12.107+deb13-cloud", "arm64-5.10", map[uint64]uint64{0x10808: 0x207e0}},
		{"ppc64le-7.2", "ppc64le-6.1.", map[uint64]uint64{0x10494: 0x20454}},
		{"386-compat-7.2", "386-compat-5.10", map[uint64]uint64{0x11ea0: 0x20570, 0x11eb0: 0x20580}},
		{"amd64-7.2", "amd64-5.10", map[uint64]uint64{}},
		{"arm-7.2", "arm-5.10", map[uint64]uint64{}},
	} {
		require.Equal(t, c.want, Sigreturns(find(t, c.rt).parse(t), 0x10000, find(t, c.img).parse(t), 0x20000), c.rt)
	}
}

func TestFindVsyscall(t *testing.T) {
	for _, tab := range tables(t) {
		from, to, ok := FindVsyscall(tab.build(t))
		require.Equal(t, tab.machine == machines["EM_386"], ok, tab.name)
		if ok {
			require.Less(t, from, to)
			require.LessOrEqual(t, to, tab.end)
		}
	}
	_, _, ok := FindVsyscall(make([]byte, 4096))
	require.False(t, ok)
}
