package image

import (
	"bytes"
	"fmt"

	"woodfrog/arch"
)

// XstateLayout says where the processor puts each state component in XSAVE's standard format. Index is the component's
// number; components 0 and 1 are the legacy area. A component it lacks has size 0. CPUID leaf 0xd, subleaf NUMBER, gives
// size in EAX and offset in EBX; processors of the two makers differ.
type XstateLayout = arch.XstateLayout

// The standard format (Intel SDM vol. 1, 13.4): FXSAVE's area, the header, the components.
const (
	fxsaveSize   = 512
	xsaveHeader  = 512 // offset: XSTATE_BV, XCOMP_BV, 48 bytes reserved
	xsaveMinimum = 576
	fxPadding    = 416
	fxXCR0       = 464 // the kernel puts the features it saves here (arch/x86/include/asm/user.h)
	fxSt         = 32
	fxXmm        = 160
	legacyMask   = 1<<0 | 1<<1
)

// xstateNames are the components that Linux knows (arch/x86/kernel/fpu/xstate.c).
var xstateNames = [64]string{
	0: "x87", 1: "SSE", 2: "AVX", 3: "MPX bounds", 4: "MPX CSR", 5: "AVX-512 opmask", 6: "AVX-512 ZMM_Hi256",
	7: "AVX-512 Hi16_ZMM", 8: "PT", 9: "PKRU", 10: "PASID", 11: "CET user", 12: "CET kernel", 17: "AMX tile configuration",
	18: "AMX tile data", 19: "APX",
}

func xstateName(n int) string {
	if xstateNames[n] == "" {
		return fmt.Sprintf("state component %d", n)
	}
	return xstateNames[n]
}

// xsaveField is the message's field for a component: 32-bit words or 64-bit ones.
type xsaveField struct {
	number int
	words  *[]uint32
	longs  *[]uint64
}

func (f xsaveField) size() int {
	if f.words != nil {
		return 4 * len(*f.words)
	}
	return 8 * len(*f.longs)
}

func xsaveFields(x *UserX86XsaveEntry) [7]xsaveField {
	return [7]xsaveField{
		{2, &x.YmmhSpace, nil}, {3, nil, &x.BndregState}, {4, nil, &x.BndcsrState}, {5, nil, &x.OpmaskReg},
		{6, nil, &x.ZmmUpper}, {7, nil, &x.Hi16Zmm}, {9, &x.Pkru, nil},
	}
}

// X86Fpregs makes the message of NT_X86_XSTATE, or of NT_PRFPREG. Components that are in use and that the message has no
// field for are returned beside it. A component that is in its initial state takes no space.
func X86Fpregs(raw []byte, layout *XstateLayout) (*UserX86FpregsEntry, *XstateEntry, error) {
	if len(raw) != fxsaveSize && len(raw) < xsaveMinimum {
		return nil, nil, fmt.Errorf("NT_X86_XSTATE: %d bytes: too short", len(raw))
	}
	fp := &UserX86FpregsEntry{
		Cwd:       uint32(order.Uint16(raw)),
		Swd:       uint32(order.Uint16(raw[2:])),
		Twd:       uint32(order.Uint16(raw[4:])),
		Fop:       uint32(order.Uint16(raw[6:])),
		Rip:       order.Uint64(raw[8:]),
		Rdp:       order.Uint64(raw[16:]),
		Mxcsr:     order.Uint32(raw[24:]),
		MxcsrMask: order.Uint32(raw[28:]),
		StSpace:   words(raw[fxSt:fxXmm]),
		XmmSpace:  words(raw[fxXmm : fxXmm+256]),
	}
	if len(raw) == fxsaveSize {
		return fp, nil, nil
	}
	if order.Uint64(raw[xsaveHeader+8:]) != 0 {
		return nil, nil, fmt.Errorf("NT_X86_XSTATE: compacted format")
	}
	x := &UserX86XsaveEntry{XstateBv: order.Uint64(raw[xsaveHeader:])}
	fp.Xsave = x
	fp.Padding = words(raw[fxPadding : fxXCR0+8])
	left := x.XstateBv &^ legacyMask
	for _, f := range xsaveFields(x) {
		if left&(1<<f.number) == 0 {
			continue
		}
		left &^= 1 << f.number
		b, err := component(layout, raw, f.number)
		if err != nil {
			return nil, nil, err
		}
		if f.words != nil {
			*f.words = words(b)
		} else {
			*f.longs = longs(b)
		}
	}
	rest, err := remainder(raw, left, layout)
	return fp, rest, err
}

// remainder returns the components in mask.
func remainder(raw []byte, mask uint64, layout *XstateLayout) (*XstateEntry, error) {
	if mask == 0 {
		return nil, nil
	}
	rest := new(XstateEntry)
	for n := range layout {
		if mask&(1<<n) == 0 {
			continue
		}
		b, err := component(layout, raw, n)
		if err != nil {
			return nil, err
		}
		rest.Components = append(rest.Components, &XstateComponent{
			Number: uint32(n), Size: uint32(len(b)), Data: bytes.Clone(bytes.TrimRight(b, "\x00")),
		})
	}
	return rest, nil
}

// component returns the bytes of component n.
func component(l *XstateLayout, raw []byte, n int) ([]byte, error) {
	p := l[n]
	switch end := uint64(p.Offset) + uint64(p.Size); {
	case p.Size == 0:
		return nil, fmt.Errorf("%s: this processor has no such registers", xstateName(n))
	case p.Offset < xsaveMinimum || end > uint64(len(raw)):
		return nil, fmt.Errorf("%s: bytes %d to %d: outside of %d", xstateName(n), p.Offset, end, len(raw))
	}
	return raw[p.Offset:][:p.Size], nil
}

func words(b []byte) []uint32 {
	w := make([]uint32, len(b)/4)
	for i := range w {
		w[i] = order.Uint32(b[4*i:])
	}
	return w
}

func longs(b []byte) []uint64 {
	w := make([]uint64, len(b)/8)
	for i := range w {
		w[i] = order.Uint64(b[8*i:])
	}
	return w
}
