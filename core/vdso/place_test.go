package vdso

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/x86"
)

// imageTask is a task with the vDSO of a recorded table, its group at 0x7fff00007000.
func imageTask(t *testing.T, table string, g Group) *Task {
	const up = 0x7fff00000000
	return &Task{ABI: x86.X86_64, Group: g.moved(up), Code: find(t, table).build(t), Page: 4096,
		Taken: []Area{{Start: up - 1<<20, End: up + 0x7000}, {Start: up + 0x7000, End: up + 0xf000}}}
}

func runtimeOf(t *testing.T, table string, g Group) *Runtime {
	return &Runtime{Group: g.moved(0x100000), Image: find(t, table).parse(t)}
}

func TestPlanHome(t *testing.T) {
	for name, c := range map[string]struct{ image, want Group }{
		"whole":     {new64, new64},
		"code only": {new64[2:], new64[2:]},
		"data lost": {Group{new64[0], new64[2]}, Group{new64[0], new64[2]}},
		"merged":    {Group{{0x7000, 0xd000, Read, "[vvar]"}, new64[2]}, new64},
		"protected": {Group{{0x7000, 0xd000, 0, "[vvar]"}, new64[2]}, Group{{0x7000, 0xb000, 0, "[vvar]"}, {0xb000, 0xd000, 0, "[vvar_vclock]"}, new64[2]}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Plan(imageTask(t, "amd64-6.18", c.image), runtimeOf(t, "amd64-6.18", new64), Faults{})
			require.NoError(t, err)
			require.Equal(t, &Place{RT: c.want.moved(0x7fff00000000)}, p)
		})
	}
	task := imageTask(t, "amd64-6.18", new64)
	task.Written = true
	p, err := Plan(task, runtimeOf(t, "amd64-6.18", new64), Faults{})
	require.NoError(t, err)
	require.Equal(t, &Place{RT: new64[:2].moved(0x7fff00000000)}, p)
}

func TestPlanWithoutCode(t *testing.T) {
	rt := runtimeOf(t, "amd64-6.18", new64)
	none := &Task{ABI: x86.X86_64}
	p, err := Plan(none, rt, Faults{Trampolines: true})
	require.NoError(t, err)
	require.Equal(t, &Place{}, p)

	for name, c := range map[string]struct{ image, want Group }{
		"both":            {new64[:2], new64[:2]},
		"the first":       {new64[:1], new64[:1]},
		"one of another":  {Group{{0x7000, 0x8000, Read, "[vvar]"}}, nil},
		"two become one":  {Group{{0x7000, 0xd000, Read, "[vvar]"}}, new64[:2]},
		"one of its last": {Group{{0xb000, 0xd000, Read, "[vvar]"}}, Group{new64[1]}},
	} {
		p, err := Plan(&Task{ABI: x86.X86_64, Group: c.image}, rt, Faults{})
		require.NoError(t, err, name)
		require.Equal(t, c.want, p.RT, name)
		require.Equal(t, c.want == nil, p.Reason != nil, name)
	}
}

func TestPlanProxy(t *testing.T) {
	const up = 0x7fff00000000
	task := imageTask(t, "amd64-6.12", new64)
	p, err := Plan(task, runtimeOf(t, "amd64-5.10", old64), Faults{})
	require.NoError(t, err)
	require.True(t, p.Proxy)
	require.ErrorContains(t, p.Reason, "build id")
	require.Equal(t, old64.At(up+0xf000), p.RT, "right above")
	require.Equal(t, Mark{Version: 3, VDSO: up + 0xd000, VVar: up + 0x7000, RTVVar: up + 0xf000}, p.Mark)
	img, err := Parse(p.Code)
	require.NoError(t, err)
	require.NoError(t, Match(img, find(t, "amd64-6.12").parse(t), new64, new64), "it is itself when it comes home")
	clock := img.Functions()[0]
	for _, s := range img.Functions() {
		if s.Name == "__vdso_clock_gettime" {
			clock = s
		}
	}
	require.Equal(t, "jmp 0x7fff00013900", listing(t, x86.X86_64, p.Code[clock.Value:clock.Value+5], up+0xd000+clock.Value))

	far, err := Plan(task, runtimeOf(t, "amd64-5.10", old64), Faults{Far: true})
	require.NoError(t, err)
	require.Equal(t, p.RT, far.RT)
	require.True(t, strings.HasPrefix(listing(t, x86.X86_64, far.Code[clock.Value:clock.Value+12], 0), "mov rax, 0x7fff00013900; jmp rax"))

	// Without room near the code.
	task.Taken = append(task.Taken, Area{Start: 0x7ffe00000000, End: x86.X86_64.TaskSize})
	far, err = Plan(task, runtimeOf(t, "amd64-5.10", old64), Faults{})
	require.NoError(t, err)
	require.Equal(t, uint64(0x7ffe00000000), far.RT[1].End)
	require.Equal(t, "mov rax, 0x7ffdffffe900; jmp rax", listing(t, x86.X86_64, far.Code[clock.Value:clock.Value+12], 0))

	task.Taken = append(task.Taken, Area{End: x86.X86_64.TaskSize})
	_, err = Plan(task, runtimeOf(t, "amd64-5.10", old64), Faults{})
	require.ErrorContains(t, err, "no 0x6000 bytes of address space")
}

// A kernel without a vDSO makes system calls of all functions.
func TestPlanWithoutRuntime(t *testing.T) {
	p, err := Plan(imageTask(t, "amd64-7.2", new64), &Runtime{}, Faults{})
	require.NoError(t, err)
	require.True(t, p.Proxy)
	require.Empty(t, p.RT)
	require.NotEqual(t, find(t, "amd64-7.2").build(t), p.Code)
}

func TestPlanOverwritten(t *testing.T) {
	task := imageTask(t, "amd64-6.18", new64)
	task.Code = make([]byte, 8192)
	p, err := Plan(task, runtimeOf(t, "amd64-6.18", new64), Faults{})
	require.NoError(t, err)
	require.Empty(t, p.RT)
	require.ErrorContains(t, p.Reason, "not an ELF file")
}

// dataSizes are those of the recorded kernels' data areas, bytes, by the start of the name.
var dataSizes = []struct {
	name string
	size uint64
}{
	{"amd64-6.18", 0x6000}, {"amd64-7.2", 0x6000}, {"amd64", 0x4000}, {"386-compat", 0x4000},
	{"arm64-6.12.107+deb13-arm64-16k", 0x8000}, {"arm64-7.2", 0x4000}, {"arm64", 0x2000},
	{"arm-compat-6.12.107+deb13-arm64-16k", 0x8000}, {"arm-compat-7.2", 0x4000}, {"arm-compat", 0x2000}, {"arm-7.2", 0x4000}, {"arm", 0x1000},
	{"ppc64le-7.2.12+deb14-powerpc64le-64k", 0x40000}, {"ppc64le-7.2", 0x4000}, {"ppc64le-6.12.107+deb13-powerpc64le.", 0x2000}, {"ppc64le", 0x20000},
}

// group is how the table's kernel maps its vDSO, at; behind puts the data behind the code, as kernels of ppc64le did.
func (tab *table) group(at uint64, behind bool) Group {
	size := dataSizes[slices.IndexFunc(dataSizes, func(d struct {
		name string
		size uint64
	}) bool {
		return strings.HasPrefix(tab.name+".", d.name)
	})].size
	if behind {
		return Group{{at, at + tab.size, Read | Exec, CodeName}, {at + tab.size, at + tab.size + size, Read, dataName}}
	}
	return Group{{at, at + size, Read, dataName}, {at + size, at + size + tab.size, Read | Exec, CodeName}}
}

// TestPlanAllPairs goes from every recorded kernel to every other one of the ABI, and back, with the data before the code and behind it.
func TestPlanAllPairs(t *testing.T) {
	pairs(t, func(a, b *table) {
		for _, behind := range []bool{false, true} {
			abi := a.abi()
			up := abi.TaskSize / 2 &^ (1<<20 - 1)
			task := &Task{ABI: abi, Group: a.group(up, behind), Code: a.build(t), Page: 65536}
			for uint64(len(task.Code)) < a.size {
				task.Code = append(task.Code, 0)
			}
			task.Taken = append(task.Taken, task.Group...)
			rt := &Runtime{Group: b.group(1<<20, !behind), Image: b.parse(t)}
			p, err := Plan(task, rt, Faults{Trampolines: true})
			require.NoError(t, err, "%s on %s", a.name, b.name)
			require.True(t, p.Proxy)
			start, end := p.RT.Span()
			require.Equal(t, rt.Group.At(start), p.RT, "whole, and laid out as the kernel does")
			require.LessOrEqual(t, distance(start, end-start, task.Group.Named(CodeName)[0]), abi.VDSO.Reach, "%s on %s: in reach", a.name, b.name)
			mark, err := ParseMark(p.Mark.Bytes(abi.WordSize()), abi.WordSize())
			require.NoError(t, err)
			code, _ := task.Group.Code()
			require.Equal(t, &Mark{Version: 3, VDSO: code.Start, VVar: task.Group.firstData(), RTVVar: p.RT.firstData()}, mark)

			// The areas of the proxy, as the kernel names them, lead back to the image's group.
			areas := append(slices.Clone(task.Group), p.RT...)
			for i := range task.Group {
				areas[i].Name = ""
			}
			at, _ := p.RT.Code()
			sorted, err := Unpark(areas, []Found{{Area: at, Mark: *mark}})
			require.NoError(t, err)
			require.Equal(t, [2]Group{task.Group, p.RT}, [2]Group{sorted.Group, sorted.Parked})
			require.Empty(t, sorted.Data)
			require.Empty(t, sorted.Notes)

			task.Code = p.Code
			home, err := Plan(task, &Runtime{Group: a.group(1<<24, behind), Image: a.parse(t)}, Faults{})
			require.NoError(t, err)
			require.Equal(t, &Place{RT: task.Group}, home, "%s from %s", a.name, b.name)
		}
	})
}

// FuzzPlan takes whatever an image may hold for a vDSO.
func FuzzPlan(f *testing.F) {
	tab := find(f, "amd64-6.18")
	f.Add(tab.build(f), uint64(0xd000), uint64(0x7000), uint64(0x6000))
	f.Add(find(f, "amd64-7.2").build(f), uint64(0x7fff0000d000), uint64(0x7fff00007000), uint64(0x1000))
	server, err := Parse(tab.build(f))
	require.NoError(f, err)
	rt := &Runtime{Group: new64.moved(0x100000), Image: server}
	f.Fuzz(func(t *testing.T, code []byte, at, data, size uint64) {
		const page = 4096
		at, data, size = at&^(page-1)%x86.X86_64.TaskSize, data&^(page-1)%x86.X86_64.TaskSize, size&^(page-1)%(1<<30)
		code = append(code, make([]byte, (page-len(code)%page)%page)...)
		task := &Task{ABI: x86.X86_64, Code: code, Page: page, Group: Group{{Start: at, End: at + uint64(len(code)), Name: CodeName}}}
		if size > 0 && (data+size <= at || data >= task.Group[0].End) {
			task.Group = append(task.Group, Area{Start: data, End: data + size, Name: dataName})
		}
		task.Taken = task.Group
		p, err := Plan(task, rt, Faults{})
		if err != nil {
			return
		}
		for _, a := range p.RT {
			require.Less(t, a.Start, a.End)
			require.LessOrEqual(t, a.End, x86.X86_64.TaskSize+1<<30)
			for _, b := range task.Group {
				within := b.Start <= a.Start && a.End <= b.End
				require.True(t, a.End <= b.Start || b.End <= a.Start || within && !p.Proxy, "%v over %v", a, b)
			}
		}
		if p.Proxy {
			require.Len(t, p.Code, len(code))
		}
	})
}
