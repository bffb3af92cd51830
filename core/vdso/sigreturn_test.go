package vdso

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/aarch64"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
)

// loaded is an image in a task, with code at the symbols that have some.
func (tab *table) loaded(t *testing.T, at uint64, code map[string][]byte) Loaded {
	l := Loaded{Image: tab.parse(t), Code: tab.build(t), At: at}
	for _, s := range tab.symbols {
		copy(l.Code[s.Value:], code[s.Name])
	}
	return l
}

func TestSigreturns(t *testing.T) {
	const rtAt, imgAt = 0x10000, 0x20000
	twin := func(from, size, to, same uint64) Twin { return Twin{Area{Start: from, End: from + size}, to, same} }
	tramp := map[string][]byte{"__kernel_sigtramp_rt64": {0x80, 0, 0x21, 0x38, 0xac, 0, 0, 0x38, 2, 0, 0, 0x44}}
	pops, rt := []byte{0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, []byte{0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}
	ia32 := func(behind ...byte) map[string][]byte {
		return map[string][]byte{"__kernel_sigreturn": append(bytes.Clone(pops), behind...), "__kernel_rt_sigreturn": append(bytes.Clone(rt), behind...)}
	}
	for _, c := range []struct {
		rt, img     string
		code, other map[string][]byte
		call        func([]byte) int
		want        []Twin
	}{
		{"arm64-6.12.107+deb13-cloud", "arm64-5.10", map[string][]byte{"__kernel_rt_sigreturn": {0x68, 0x11, 0x80, 0xd2, 1, 0, 0, 0xd4}}, nil,
			aarch64.AArch64.Stub.Syscall, []Twin{twin(0x10808, 8, 0x207e0, 8)}},
		{"ppc64le-7.2", "ppc64le-6.1.", tramp, nil, ppc64.PPC64LE.Stub.Syscall, []Twin{twin(0x10494, 12, 0x20454, 12)}},
		{"ppc64le-7.2", "ppc64le-6.1.", tramp, map[string][]byte{}, ppc64.PPC64LE.Stub.Syscall, []Twin{twin(0x10494, 12, 0x20454, 1)}},
		{"386-compat-7.2", "386-compat-5.10", ia32(0x0f, 0x0b), ia32(0x90), x86.I386.Stub.Syscall,
			[]Twin{twin(0x11ea0, 10, 0x20570, 8), twin(0x11eb0, 9, 0x20580, 7)}},
		{"386-compat-7.2", "amd64-5.10", ia32(), nil, x86.I386.Stub.Syscall, []Twin{twin(0x11ea0, 10, 0, 0), twin(0x11eb0, 9, 0, 0)}},
		{"amd64-7.2", "amd64-5.10", nil, nil, nil, nil},
		{"arm-7.2", "arm-5.10", nil, nil, nil, nil},
	} {
		other := c.other
		if other == nil {
			other = c.code
		}
		rt := find(t, c.rt).loaded(t, rtAt, c.code)
		require.ElementsMatch(t, c.want, Sigreturns(rt, find(t, c.img).loaded(t, imgAt, other), c.call), c.rt)
		for i := range c.want {
			c.want[i].To, c.want[i].Same = 0, 0
		}
		require.ElementsMatch(t, c.want, Sigreturns(rt, Loaded{}, c.call), c.rt)
	}
}

func TestTwin(t *testing.T) {
	twin := Twin{Area{Start: 0x100, End: 0x109}, 0x200, 8}
	for addr, want := range map[uint64]uint64{0x100: 0x200, 0x107: 0x207} {
		to, ok := twin.Of(addr)
		require.True(t, ok)
		require.Equal(t, want, to)
	}
	for _, addr := range []uint64{0, 0xff, 0x108, 0x200} {
		_, ok := twin.Of(addr)
		require.False(t, ok, "%#x", addr)
	}
}

// A task may have its own idea of what is in its vDSO.
func TestLastingIsInTheCode(t *testing.T) {
	tab := find(t, "arm64-7.2")
	for i := range tab.symbols {
		if s := &tab.symbols[i]; s.Name == "__kernel_rt_sigreturn" {
			s.Value |= 1
		}
	}
	require.Empty(t, tab.parse(t).Lasting())
}

// No decision touches what lasts, except that __kernel_vsyscall becomes one that every kernel can serve.
func TestLasting(t *testing.T) {
	counts := map[string]int{"EM_386": 3, "EM_AARCH64": 1, "EM_PPC64": 1}
	for _, tab := range tables(t) {
		img := tab.parse(t)
		lasting := img.Lasting()
		require.Len(t, lasting, counts[tab.machine.String()], tab.name)
		decisions, err := Decide(img, img)
		require.NoError(t, err)
		for _, s := range lasting {
			require.NotZero(t, s.Size, tab.name)
			for _, d := range decisions {
				if d.Action != Keep && d.Action != Vsyscall {
					require.False(t, d.Value&^1 < s.Value+s.Size && s.Value < d.Value&^1+d.Room, "%s: %s over %s", tab.name, d.Names[0], s.Name)
				}
			}
		}
	}
}
