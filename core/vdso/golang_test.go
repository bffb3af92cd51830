package vdso

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/aarch64"
	"woodfrog/arch/arm"
	"woodfrog/arch/ppc64"
	"woodfrog/arch/x86"
)

func TestFromGo(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	self, err := os.ReadFile(exe)
	require.NoError(t, err)
	require.True(t, FromGo(bytes.NewReader(self)))
	require.False(t, FromGo(bytes.NewReader(bytes.ReplaceAll(self, []byte("\xff Go buildinf:"), []byte("\xff No buildinf:")))))
	for _, n := range []int{0, 63, 64, 100, 4096} {
		require.False(t, FromGo(bytes.NewReader(self[:n])))
	}
	require.False(t, FromGo(bytes.NewReader(find(t, "arm64-6.12").build(t))))
	require.False(t, FromGo(bytes.NewReader(find(t, "arm-6.12").build(t))))
}

func FuzzFromGo(f *testing.F) {
	f.Add(find(f, "arm64-6.12").build(f))
	f.Add(find(f, "arm-6.12").build(f))
	f.Fuzz(func(t *testing.T, b []byte) { FromGo(bytes.NewReader(b)) })
}

// TestPlanForGo: only a proxy's program is looked into.
func TestPlanForGo(t *testing.T) {
	tab := find(t, "arm-6.12.107+deb13-armmp")
	for _, from := range []bool{false, true} {
		asked := 0
		task := &Task{ABI: arm.Arm, Group: tab.group(0xb6e00000, false), Code: tab.build(t), Page: 4096, Go: func() bool { asked++; return from }}
		task.Taken = task.Group
		rt := &Runtime{Group: tab.group(1<<20, false), Image: tab.parse(t)}
		_, err := Plan(task, rt, Faults{})
		require.NoError(t, err)
		require.Zero(t, asked)
		p, err := Plan(task, rt, Faults{Trampolines: true})
		require.NoError(t, err)
		require.Equal(t, 1, asked)
		clock := tab.parse(t).Functions()[0]
		call := arm.Arm.VDSO.Call(0, 0)[:16]
		require.Equal(t, from, bytes.Equal(p.Code[clock.Value:][:16], call))
	}
}

// Where the time is told with R10, a Go program is given system calls; elsewhere it is only getrandom that takes the register.
func TestSpareGo(t *testing.T) {
	for _, tab := range tables(t) {
		abi := tab.abi()
		if abi == nil {
			continue
		}
		all, err := Decide(tab.parse(t), tab.parse(t))
		require.NoError(t, err)
		spareGo(all, abi)
		for _, d := range all {
			name := bare(d.Names[0])
			calls := abi == arm.Arm || name == "getrandom" && (abi == aarch64.AArch64 || abi == ppc64.PPC64LE)
			if d.Action == Jump {
				require.False(t, calls, "%s %s", tab.name, name)
				continue
			}
			require.True(t, calls || d.Action == Keep || d.Action == Vsyscall, "%s %s", tab.name, name)
		}
		if abi == x86.X86_64 || abi == x86.I386 {
			require.Empty(t, abi.VDSO.GoCalls)
		}
	}
}
