package image

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Offsets as CPUID 0xd gives them: an Intel processor with MPX, AVX-512, PKRU and AMX, and an AMD Zen 4.
var (
	intelLayout = XstateLayout{
		2: {256, 576}, 3: {64, 960}, 4: {64, 1024}, 5: {64, 1088}, 6: {512, 1152}, 7: {1024, 1664}, 9: {8, 2688},
		17: {64, 2752}, 18: {8192, 2816},
	}
	amdLayout = XstateLayout{2: {256, 576}, 5: {64, 832}, 6: {512, 896}, 7: {1024, 1408}, 9: {8, 2432}}
)

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// randomXstate is a state as the kernel gives it: components that are not in use are zero, and so is what is reserved.
func randomXstate(r *rand.Rand, l *XstateLayout, size int) []byte {
	raw := make([]byte, size)
	copy(raw, random(r, 416))
	if size == fxsaveSize {
		return raw
	}
	bv := r.Uint64() & features(l)
	order.PutUint64(raw[fxXCR0:], features(l))
	order.PutUint64(raw[xsaveHeader:], bv)
	for n, p := range l {
		if p.Size != 0 && bv&(1<<n) != 0 {
			// Trailing zeroes, at times all of it.
			copy(raw[p.Offset:], random(r, r.IntN(int(p.Size)+1)))
		}
	}
	return raw
}

func TestX86RegistersRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout *XstateLayout
		size   int
	}{{"intel", &intelLayout, 11008}, {"amd", &amdLayout, 2440}, {"no avx", new(XstateLayout), 576}, {"fxsave", new(XstateLayout), 512}} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(200) {
				r := rand.New(rand.NewPCG(seed, 2))
				gpr := random(r, []int{x86RegsSize, x86Regs32Size}[seed%2])
				xstate := randomXstate(r, c.layout, c.size)
				ti, rest, err := X86ThreadInfo(gpr, xstate, c.layout)
				require.NoError(t, err)

				// What an image file keeps of it.
				file, err := Marshal(ti)
				require.NoError(t, err)
				ti = new(ThreadInfoX86)
				require.NoError(t, Unmarshal(file, ti))
				if rest != nil {
					file, err := Marshal(rest)
					require.NoError(t, err)
					rest = new(XstateEntry)
					require.NoError(t, Unmarshal(file, rest))
				}
				back, err := X86Prstatus(ti.Gpregs)
				require.NoError(t, err)
				require.Equal(t, gpr, back)
				back, err = X86Xstate(ti.Fpregs, rest, c.layout, c.size)
				require.NoError(t, err)
				require.Equal(t, xstate, back)
			}
		})
	}
}

// The fields by name, at the offsets of the kernel's structures.
func TestX86FieldOffsets(t *testing.T) {
	gpr := make([]byte, x86RegsSize)
	for i := range 27 {
		order.PutUint64(gpr[8*i:], uint64(i)<<32)
	}
	r, err := X86Gpregs(gpr)
	require.NoError(t, err)
	native := UserX86RegsMode_NATIVE
	require.Equal(t, &UserX86RegsEntry{
		R15: 0, R14: 1 << 32, R13: 2 << 32, R12: 3 << 32, Bp: 4 << 32, Bx: 5 << 32, R11: 6 << 32, R10: 7 << 32,
		R9: 8 << 32, R8: 9 << 32, Ax: 10 << 32, Cx: 11 << 32, Dx: 12 << 32, Si: 13 << 32, Di: 14 << 32, OrigAx: 15 << 32,
		Ip: 16 << 32, Cs: 17 << 32, Flags: 18 << 32, Sp: 19 << 32, Ss: 20 << 32, FsBase: 21 << 32, GsBase: 22 << 32,
		Ds: 23 << 32, Es: 24 << 32, Fs: 25 << 32, Gs: 26 << 32, Mode: &native,
	}, r)

	for i := range 17 {
		order.PutUint32(gpr[4*i:], uint32(i)<<24)
	}
	r, err = X86Gpregs(gpr[:x86Regs32Size])
	require.NoError(t, err)
	compat := UserX86RegsMode_COMPAT
	require.Equal(t, &UserX86RegsEntry{
		Bx: 0, Cx: 1 << 24, Dx: 2 << 24, Si: 3 << 24, Di: 4 << 24, Bp: 5 << 24, Ax: 6 << 24, Ds: 7 << 24, Es: 8 << 24,
		Fs: 9 << 24, Gs: 10 << 24, OrigAx: 11 << 24, Ip: 12 << 24, Cs: 13 << 24, Flags: 14 << 24, Sp: 15 << 24,
		Ss: 16 << 24, Mode: &compat,
	}, r)

	raw := make([]byte, 2696)
	for i := range raw {
		raw[i] = byte(i / 4)
	}
	order.PutUint64(raw[xsaveHeader:], 1<<2|1<<9)
	order.PutUint64(raw[xsaveHeader+8:], 0)
	fp, rest, err := X86Fpregs(raw, &intelLayout)
	require.NoError(t, err)
	require.Nil(t, rest)
	require.Equal(t, uint32(0x06060606), fp.Mxcsr)
	require.Equal(t, uint32(0x07070707), fp.MxcsrMask)
	require.Equal(t, uint64(0x0303030302020202), fp.Rip)
	require.Equal(t, uint32(0x08080808), fp.StSpace[0])
	require.Equal(t, uint32(0x28282828), fp.XmmSpace[0])
	require.Equal(t, uint32(0x90909090), fp.Xsave.YmmhSpace[0])
	require.Equal(t, []uint32{0xa0a0a0a0, 0xa1a1a1a1}, fp.Xsave.Pkru)
	require.Empty(t, fp.Xsave.OpmaskReg)
}

// State goes from one maker's processor to the other's where both have the registers, and is refused by name otherwise.
func TestX86OtherProcessor(t *testing.T) {
	raw := make([]byte, 11008)
	order.PutUint64(raw[xsaveHeader:], 1<<9|1<<18)
	raw[2688], raw[2816] = 0x55, 0x66
	fp, rest, err := X86Fpregs(raw, &intelLayout)
	require.NoError(t, err)
	require.Equal(t, []*XstateComponent{{Number: 18, Size: 8192, Data: []byte{0x66}}}, rest.Components)

	_, err = X86Xstate(fp, rest, &amdLayout, 2440)
	require.EqualError(t, err, "AMX tile data: this processor has no such registers")
	_, err = X86Xstate(fp, nil, &intelLayout, 11008)
	require.EqualError(t, err, "AMX tile data: in use, but not in the image")
	_, err = X86Xstate(fp, nil, nil, 512)
	require.EqualError(t, err, "PKRU: this processor has no such registers")
	fp.Xsave.XstateBv = 1 << 9
	_, err = X86Xstate(fp, rest, &intelLayout, 11008)
	require.EqualError(t, err, "component 18: not in use by the thread's core image")
	back, err := X86Xstate(fp, nil, &amdLayout, 2440)
	require.NoError(t, err)
	require.Equal(t, byte(0x55), back[2432])
	fp.Xsave.Pkru = nil
	_, err = X86Xstate(fp, nil, &amdLayout, 2440)
	require.EqualError(t, err, "PKRU: in use, but not in the image")
}

// What is said to be in use, and is as at the beginning, needs no registers.
func TestX86InitialState(t *testing.T) {
	raw := make([]byte, 11008)
	order.PutUint64(raw[xsaveHeader:], 1<<4|1<<9)
	mpx := intelLayout
	mpx[4].Size, mpx[4].Offset = 16, 1024
	fp, rest, err := X86Fpregs(raw, &mpx)
	require.NoError(t, err)
	core := &CoreEntry{ThreadInfo: &ThreadInfoX86{Fpregs: fp}}
	require.Empty(t, MissingRegisters(core, &amdLayout))
	b, err := X86Xstate(fp, rest, &amdLayout, 2440)
	require.NoError(t, err)
	require.Equal(t, uint64(1<<9), order.Uint64(b[xsaveHeader:]), "this processor has that")
	_, err = X86Xstate(fp, rest, nil, 512)
	require.NoError(t, err)
	require.True(t, OtherProcessor(core, &amdLayout))
	fp.Xsave.XstateBv = 1 << 9
	fp.Padding = nil
	require.False(t, OtherProcessor(core, &amdLayout), "nothing says so")
	fp.Padding = make([]uint32, 14)
	fp.Padding[12] = uint32(features(&mpx))
	require.True(t, OtherProcessor(core, &amdLayout))
	require.False(t, OtherProcessor(core, &mpx))
	fp.Xsave.XstateBv |= 1 << 4
	fp.Xsave.BndcsrState[0] = 1
	require.Equal(t, "MPX CSR", MissingRegisters(core, &amdLayout))
	_, err = X86Xstate(fp, rest, &amdLayout, 2440)
	require.EqualError(t, err, "MPX CSR: this processor has no such registers")
}

func TestX86Refused(t *testing.T) {
	_, err := X86Gpregs(make([]byte, 100))
	require.EqualError(t, err, "NT_PRSTATUS: 100 bytes: neither 216 nor 68")
	_, _, err = X86Fpregs(make([]byte, 520), &intelLayout)
	require.EqualError(t, err, "NT_X86_XSTATE: 520 bytes: too short")
	raw := make([]byte, 600)
	raw[xsaveHeader] = 1 << 2
	_, _, err = X86Fpregs(raw, &intelLayout)
	require.EqualError(t, err, "AVX: bytes 576 to 832: outside of 600")
	raw[xsaveHeader+15] = 0x80
	_, _, err = X86Fpregs(raw, &intelLayout)
	require.EqualError(t, err, "NT_X86_XSTATE: compacted format")
	mode := UserX86RegsMode_COMPAT
	_, err = X86Prstatus(&UserX86RegsEntry{Mode: &mode, Ss: 1 << 32})
	require.ErrorContains(t, err, "more than 32 bits")
	mode = 7
	_, err = X86Prstatus(&UserX86RegsEntry{Mode: &mode})
	require.EqualError(t, err, "gpregs.mode: unknown(7)")
	_, err = X86Xstate(&UserX86FpregsEntry{}, nil, &intelLayout, 11008)
	require.EqualError(t, err, "fpregs: st_space, xmm_space: 0 and 0 words: want 32 and 64")
	_, err = X86Xstate(&UserX86FpregsEntry{StSpace: make([]uint32, 32), XmmSpace: make([]uint32, 64), Fop: 1 << 16}, nil,
		&intelLayout, 11008)
	require.EqualError(t, err, "fpregs.fop: 0x10000: more than 16 bits")
}

func TestX86TLS(t *testing.T) {
	// What glibc's set_thread_area asks for on ia32, between two empty entries.
	empty := func(n byte) []byte { return []byte{n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x28, 0, 0, 0} }
	used := []byte{13, 0, 0, 0, 0x40, 0x33, 0x22, 0xf7, 0xff, 0xff, 0x0f, 0, 0x51, 0, 0, 0}
	tls, err := X86TLS(append(append(empty(12), used...), empty(14)...))
	require.NoError(t, err)
	require.Equal(t, []*UserDescT{{
		EntryNumber: 13, BaseAddr: 0xf7223340, Limit: 0xfffff, Seg_32Bit: true, LimitInPages: true, Usable: true,
	}}, tls)
	require.Equal(t, used, X86UserDesc(tls[0]))
	for bits := range byte(0x80) {
		raw := append(append([]byte{}, used[:12]...), bits, 0, 0, 0)
		tls, err := X86TLS(raw)
		require.NoError(t, err)
		if bits&descNotPresent == 0 {
			require.Equal(t, raw, X86UserDesc(tls[0]))
		}
	}
	_, err = X86TLS(used[:15])
	require.EqualError(t, err, "NT_386_TLS: 15 bytes: not a multiple of 16")
}
