package core

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/core/spawn"
	"woodfrog/core/stub"
	"woodfrog/core/tree"
	"woodfrog/internal/linux"
)

// A task whose ABI is not its maker's becomes one of that ABI as any process does: by exec. The program that it executes is of one page, as
// the root's is, which maps the stub's area anew. So there is one area for tasks of all ABIs, below the end of the smallest address
// space, with the stub of each.

// arrival is a process that has just executed such a program.
type arrival struct {
	pid  int
	prog *stub.Program // what it goes on with
	way  *stub.Program // that leads to exec; nil for the root
	elf  int           // descriptor of the program that it executes
	// The vDSO that exec mapped, if it has to be moved: the address of each area, told by the engine when it has been asked.
	from, asked, known stub.Data
	told               bool
	spare              stub.Data // start and size of what is kept for the area and not needed
}

// programABIs are the ABIs of the programs of the tree: those that are no task's of the image are their makers'.
func (r *restore) programABIs() []*arch.ABI {
	abis := make([]*arch.ABI, len(r.tree.Programs))
	var visit func(i int, abi *arch.ABI)
	visit = func(i int, abi *arch.ABI) {
		tp := r.tree.Programs[i]
		if t := r.image.byPid[tp.Pid]; t != nil && !tp.Helper && !t.zombie() {
			abi = t.abi
		}
		abis[i] = abi
		for _, s := range tp.Steps {
			if s.Op == tree.Clone {
				visit(s.Program, abi)
			}
		}
	}
	visit(0, r.abis[0])
	return abis
}

// way is the program that the child pid of p starts with to come to run child.
func (r *restore) way(p, child *stub.Program, pid int) (*stub.Program, error) {
	if p.ABI() == child.ABI() {
		return child, nil
	}
	fd, err := linux.Memfd("woodfrog", 0)
	if err != nil {
		return nil, fmt.Errorf("task %d: memfd: %w", pid, err)
	}
	if fd, err = r.fds.take(fd); err != nil {
		return nil, err
	}
	way := r.area.NewProgram(p.ABI())
	name := r.area.String("")
	argv := r.area.Bytes(way.ABI().Struct().Word(name.Addr(), 0, 0).Bytes())
	way.Call(arch.SysExecveat, fd, name, argv, argv.Addr()+uint64(way.ABI().WordSize()), unix.AT_EMPTY_PATH).Note("program of %s", child.ABI().Name)
	way.Link()
	r.arrive(child, pid, way)
	r.arrivals[len(r.arrivals)-1].elf = fd
	return way, nil
}

// arrive appends what p does first when exec has brought it there: the vDSO goes to the lobby; what exec may have put into the address space
// kept for the area, beyond what of it turns out to be needed, goes.
func (r *restore) arrive(p *stub.Program, pid int, way *stub.Program) {
	a := &arrival{pid: pid, prog: p, way: way, told: true, spare: r.area.Out(16)}
	if v := r.vdsos[p.ABI()]; v.moved {
		a.told, a.from, a.asked, a.known = false, r.area.Out(8*len(v.lobby)), r.area.Word(), r.area.Word()
		p.Add(a.asked, 1)
		p.Signal(r.ready)
		p.Wait(a.known, 1)
		for i, area := range v.lobby {
			moveArea(p, stub.Value{Data: a.from.Part(8*i, 8)}, area.Size(), area.Start)
		}
	}
	p.Call(arch.SysMunmap, stub.Value{Data: a.spare}, stub.Value{Data: a.spare.Part(8, 8)}).Note("beyond the area")
	r.arrivals = append(r.arrivals, a)
}

// prepareArrivals fills in what depends on the size of the area.
func (r *restore) prepareArrivals() error {
	end := r.area.Base + uint64(r.area.Size())
	for _, a := range r.arrivals {
		a.spare.PutU64(0, end)
		a.spare.PutU64(1, r.area.Base+areaSize-end)
		if a.way != nil {
			if _, err := unix.Pwrite(a.elf, spawn.ELF(r.area, a.prog.Block, r.areaFd, r.elfAt), 0); err != nil {
				return fmt.Errorf("task %d: write its program: %w", a.pid, err)
			}
		}
	}
	return nil
}

// awaited is how many arrivals ask the engine for something.
func (r *restore) awaited() int {
	n := 0
	for _, a := range r.arrivals {
		if !a.told {
			n++
		}
	}
	return n
}

// tellArrivals tells those that ask where exec put their vDSO.
func (r *restore) tellArrivals() error {
	for _, a := range r.arrivals {
		if a.told || a.asked.Atomic().Load() == 0 {
			continue
		}
		if err := r.tellArrival(a); err != nil {
			return fmt.Errorf("task %d: vdso: %w", a.pid, err)
		}
	}
	return nil
}

func (r *restore) tellArrival(a *arrival) error {
	task, err := procfs.Open(procfs.Root, a.pid)
	if err != nil {
		return err
	}
	defer task.Close()
	maps, err := task.Maps()
	if err != nil {
		return err
	}
	given, err := kerndat.Given(maps)
	if err != nil {
		return err
	}
	lobby := r.vdsos[a.prog.ABI()].lobby
	if len(given) != len(lobby) {
		return fmt.Errorf("exec mapped %v, not %v", given, lobby)
	}
	start, end := lobby.Span()
	for i, area := range given {
		if area.Start < end && start < area.End {
			return errors.New("exec put it where the restore has its own memory; the next attempt will fare better")
		}
		a.from.PutU64(i, area.Start)
	}
	a.told = true
	a.known.Atomic().Store(1)
	return linux.FutexWake(a.known.Atomic())
}
