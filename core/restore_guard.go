package core

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/spawn"
	"woodfrog/core/stub"
)

// A guard is a process that sees to it that a tree of several tasks comes to life whole or not at all, wherever the engine is killed. Until
// the first task is let go all of them die with the engine, and each is released from that by a call of its own. An engine that is killed
// between two of these would leave some. So the guard runs the stub, and for that time its will is to kill all: one store takes it back.
type guard struct {
	pid        int           // 0 while there is none
	prog, will *stub.Program // nil where none is needed
}

// planGuard lays down what the guard does, for a tree of more than one task.
func (r *restore) planGuard() {
	tasks := r.madeTasks()
	if len(tasks) < 2 {
		return
	}
	will := r.area.NewProgram(r.abis[0])
	for _, threads := range tasks {
		will.Call(arch.SysKill, threads[0].tid, int(unix.SIGKILL)).Ignore()
	}
	will.Deposit()
	p := will.Next()
	p.Call(arch.SysCloseRange, 0, uint32(math.MaxUint32), 0).Ignore()
	p.Link()
	r.guard.prog, r.guard.will = p, will
}

// startGuard makes the guard, while the tasks are made.
func (r *restore) startGuard() error {
	if r.guard.prog == nil {
		return nil
	}
	elf := spawn.ELF(r.area, r.guard.prog.Block, r.areaFd, r.elfAt)
	for {
		pid := r.sparePid()
		if pid == 0 {
			return errors.New("guard: no PID is free")
		}
		err := r.start(elf, pid, false)
		if errors.Is(err, spawn.ErrPidTaken) {
			continue
		}
		if err != nil {
			return fmt.Errorf("guard: %w", err)
		}
		r.guard.pid = pid
		return nil
	}
}

// guarded does what must be done for all tasks or for none. The guard has let go by then of all that it had in common with them.
func (r *restore) guarded(do func() error) error {
	g := &r.guard
	if g.pid == 0 {
		return do()
	}
	if err := g.prog.Block.Wait(r.failed); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	g.will.Bequeath()
	err := do()
	g.prog.Block.Revoke()
	r.endGuard()
	return err
}

func (r *restore) endGuard() {
	if r.guard.pid != 0 {
		_ = unix.Kill(r.guard.pid, unix.SIGKILL)
		reap(r.guard.pid, time.Now().Add(undoLimit))
		r.guard.pid = 0
	}
}
