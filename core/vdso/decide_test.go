package vdso

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func decisions(t *testing.T, img, rt *Image) string {
	all, err := Decide(img, rt)
	require.NoError(t, err)
	var b strings.Builder
	for _, d := range all {
		slices.Sort(d.Names)
		fmt.Fprintf(&b, "%#x+%d %s %v", d.Value, d.Room, strings.Join(d.Names, ","), d.Action)
		if d.Action == Jump {
			fmt.Fprintf(&b, " %#x", d.Target)
		}
		fmt.Fprintf(&b, " %s\n", d.Call)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func TestDecide(t *testing.T) {
	tests := []struct{ image, rt, want string }{
		{"amd64-7.2", "amd64-5.10", `
0x9e0+708 __vdso_gettimeofday,gettimeofday jump 0x720
0xcb0+39 __vdso_time,time jump 0x8d0
0xce0+901 __vdso_clock_gettime,clock_gettime jump 0x900
0x1070+110 __vdso_clock_getres,clock_getres jump 0xb70
0x10e0+39 __vdso_getcpu,getcpu jump 0xbd0
0x1120+901 __vdso_getrandom,getrandom call random getrandom
0x1630+157 __vdso_sgx_enter_enclave fail
0x16d0+15 __vdso_futex_robust_list64_try_unlock keep
0x16e0+14 __vdso_futex_robust_list32_try_unlock keep
`},
		{"386-compat-7.2", "386-compat-5.10", `
0xb30+1363 __vdso_gettimeofday jump 0x730
0x1090+63 __vdso_time jump 0x9a0
0x10d0+1491 __vdso_clock_gettime jump 0x9e0
0x16b0+1600 __vdso_clock_gettime64 jump 0xd70
0x1cf0+137 __vdso_clock_getres jump 0x1130
0x1d80+153 __vdso_clock_getres_time64 call clock_getres_time64
0x1e30+50 __vdso_getcpu call getcpu
0x1e70+17 __kernel_vsyscall vsyscall
0x1ea0+10 __kernel_sigreturn keep
0x1eb0+9 __kernel_rt_sigreturn keep
0x1ec0+29 __vdso_futex_robust_list32_try_unlock keep
`},
		{"arm64-6.12.107+deb13-arm64.", "arm64-6.1.0-50-arm64", `
0x320+668 __kernel_clock_gettime jump 0x2d0
0x5c0+428 __kernel_gettimeofday jump 0x570
0x770+108 __kernel_clock_getres jump 0x720
0x808+8 __kernel_rt_sigreturn keep
0x820+912 __kernel_getrandom call random getrandom
`},
		{"arm-compat-5.10", "arm-compat-7.2", `
0x2c5+804 __vdso_clock_gettime jump 0x311
0x5e9+880 __vdso_clock_gettime64 jump 0x621
0x959+548 __vdso_gettimeofday jump 0x999
0xb7d+100 __vdso_clock_getres jump 0xbbd
`},
		{"ppc64le-6.1.", "ppc64le-7.2.12+deb14-powerpc64le-64k", `
0x454+12 __kernel_sigtramp_rt64 keep
0x47c+84 __kernel_gettimeofday jump 0x4bc
0x4d0+84 __kernel_clock_gettime jump 0x50c
0x524+84 __kernel_clock_getres jump 0x55c
0x578+68 __kernel_time jump 0x5ac
0x5bc+76 __kernel_get_syscall_map jump 0x5ec
0x608+60 __kernel_get_tbfreq jump 0x620
0x644+196 __kernel_sync_dicache jump 0x644
0x708+48 __kernel_getcpu jump 0x6f0
`},
	}
	for _, tt := range tests {
		t.Run(tt.image, func(t *testing.T) {
			img, rt := find(t, strings.TrimSuffix(tt.image, ".")), find(t, tt.rt)
			require.Equal(t, strings.TrimPrefix(tt.want, "\n"), decisions(t, img.parse(t), rt.parse(t)))
		})
	}
}

func TestDecideUnknown(t *testing.T) {
	img, rt := find(t, "ppc64le-6.1."), find(t, "ppc64le-6.1.")
	for i, s := range rt.symbols {
		if s.Name == "__kernel_get_tbfreq" {
			rt.symbols[i].Name = "__kernel_gone_tbfreq"
		}
	}
	_, err := Decide(img.parse(t), rt.parse(t))
	require.EqualError(t, err, "vdso: __kernel_get_tbfreq: this kernel has no such function and no system call stands for it")
	// What both have needs no rule.
	all, err := Decide(rt.parse(t), rt.parse(t))
	require.NoError(t, err)
	require.NotEmpty(t, all)

	thumb := find(t, "arm-compat-7.2")
	thumb.symbols[0], thumb.symbols[1] = Symbol{Name: "a", Value: 0x400, Size: 8, Type: 2}, Symbol{Name: "b", Value: 0x401, Size: 8, Type: 2}
	_, err = Decide(thumb.parse(t), thumb.parse(t))
	require.EqualError(t, err, "vdso: a and b: one address, two modes")
}

// TestDecideEntry: a function that finds its TOC by r12 is not reached by a branch that leaves r12 alone.
func TestDecideEntry(t *testing.T) {
	img, rt := find(t, "ppc64le-6.1."), find(t, "ppc64le-7.2")
	for i := range rt.symbols {
		if rt.symbols[i].Name == "__kernel_time" {
			rt.symbols[i].Other = 3 << 5
		}
	}
	all, err := Decide(img.parse(t), rt.parse(t))
	require.NoError(t, err)
	for _, d := range all {
		require.Equal(t, d.Names[0] == "__kernel_time", d.Entry, d.Names)
	}
}

// pairs calls f with every recorded image and every one whose kernel can restore its tasks: those of arm may go from a kernel of arm to one
// of arm64 and back.
func pairs(t *testing.T, f func(image, rt *table)) {
	all := tables(t)
	for _, a := range all {
		for _, b := range all {
			if a.abi() != nil && a.abi() == b.abi() {
				f(a, b)
			}
		}
	}
}

// Every function of every recorded image has a decision for every kernel of its ABI, and room for the far form of a trampoline.
func TestDecideRecorded(t *testing.T) {
	pairs(t, func(a, b *table) {
		all, err := Decide(a.parse(t), b.parse(t))
		require.NoError(t, err, "%s on %s", a.name, b.name)
		n := 0
		for _, d := range all {
			n += len(d.Names)
			if d.Action == Jump {
				require.GreaterOrEqual(t, d.Room, uint64(len(a.abi().VDSO.Far(d.Value, d.Target))), "%s %v", a.name, d.Names)
			}
			for _, name := range d.Names {
				if strings.Contains(name, "sigreturn") || strings.Contains(name, "sigtramp") {
					require.Equal(t, Keep, d.Action, "%s %s", a.name, name)
				}
			}
		}
		require.Len(t, a.parse(t).Functions(), n)
	})
}
