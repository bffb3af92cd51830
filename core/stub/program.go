package stub

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
)

// Program is a list of operations for one thread, in the making.
type Program struct {
	Area  *Area
	Block Block
	ops   []*Op
	addr  uint64
}

// Op is one operation.
type Op struct {
	prog  *Program
	call  arch.Call
	flags uint32
	args  [6]any
	nargs int
	aux   uint64
	off   int    // in the area, once linked
	note  string // what it is for, in listings and errors
}

// NewProgram starts a program for a thread of abi, with a thread block of its own.
func (a *Area) NewProgram(abi *arch.ABI) *Program { return &Program{Area: a, Block: a.newBlock(abi)} }

// ABI is that of the thread that runs the program.
func (p *Program) ABI() *arch.ABI { return p.Block.abi }

// Next starts another program for the same thread.
func (p *Program) Next() *Program { return &Program{Area: p.Area, Block: p.Block} }

// Value is an argument that is the 64-bit word in memory, when the call is made, not its address.
type Value struct{ Data }

// Offset is an argument of 64 bits (loff_t), whatever the size of words.
type Offset uint64

// Halves is an argument of 64 bits that a call takes as two words, the lower half first, as preadv(2) does: a 64-bit kernel ignores
// the second.
type Halves uint64

// Call appends system call c. Arguments are integers, Data (its address), Value, *Op (that operation's result), Offset, Halves.
func (p *Program) Call(c arch.Call, args ...any) *Op {
	op := &Op{prog: p, call: c}
	for _, arg := range args {
		switch arg.(type) {
		case Offset, Halves:
			op.nargs += copy(op.args[op.nargs:], words(p.ABI(), op.nargs, arg))
		default:
			op.args[op.nargs] = arg
			op.nargs++
		}
	}
	p.ops = append(p.ops, op)
	return op
}

// Ignore lets the program go on whatever the call returns.
func (o *Op) Ignore() *Op { o.flags |= flagIgnore; return o }

// Expect makes any other result than v a failure.
func (o *Op) Expect(v int64) *Op { o.flags |= flagExpect; o.aux = uint64(v); return o }

// Note says what the operation is for.
func (o *Op) Note(format string, args ...any) *Op { o.note = fmt.Sprintf(format, args...); return o }

// Clone appends a clone3 with the structure at cloneArgs; the child runs child.
func (p *Program) Clone(child *Program, cloneArgs Data) *Op {
	return p.Call(arch.SysClone3, cloneArgs, cloneArgs.n).Child(child)
}

// Child makes the child of a call that makes one, which returns 0 in it, run child.
func (o *Op) Child(child *Program) *Op {
	o.flags |= flagClone
	o.aux = child.Block.addr()
	return o
}

// Wait appends a wait until the word w is val.
func (p *Program) Wait(w Data, val uint32) *Op {
	op := p.Call(arch.SysFutex, w, 0, val)
	op.flags |= flagWait
	return op
}

// Signal adds 1 to the word w and wakes who waits for it.
func (p *Program) Signal(w Data) {
	p.Add(w, 1)
	p.Call(arch.SysFutex, w, 1, 1<<30).Note("wake")
}

// Add appends the addition of n to the word w.
func (p *Program) Add(w Data, n uint32) {
	op := p.Call(arch.SysFutex, w, n)
	op.flags |= flagAdd
}

// Len is the number of operations.
func (p *Program) Len() int { return len(p.ops) }

// Link puts the program into the area, ready to run: a thread that has told its last result may begin at once, without a kick. Operations it
// refers to must be its own or linked before.
func (p *Program) Link() {
	p.layDown()
	p.Block.setProg(p.addr)
}

// Bequeath puts the program into the area as the thread's will: what it does when the engine is dead, at the end of the program that
// it runs, before it goes back to its frame. It has to undo what the task would keep of the stub, whatever has come of that.
func (p *Program) Bequeath() {
	p.Deposit()
	p.Block.put(tcbWill, p.addr)
}

// Deposit puts the program into the area unless it is there, to be bequeathed later or run by Again. Nobody runs it before.
func (p *Program) Deposit() {
	if p.addr == 0 {
		p.layDown()
	}
}

// Revoke takes the thread's will back.
func (b Block) Revoke() { b.put(tcbWill, 0) }

func (p *Program) layDown() {
	end := p.Call(0)
	end.flags |= flagEnd
	off := p.Area.alloc(len(p.ops)*opSize, 8)
	p.addr = p.Area.Base + uint64(off)
	for i, op := range p.ops {
		op.off = off + i*opSize
	}
	for _, op := range p.ops {
		op.encode(p.Area.mem[op.off : op.off+opSize])
	}
}

// Again makes a program that is in the area ready to be run, once more if it was.
func (p *Program) Again() {
	p.Block.Rearm()
	p.Block.setProg(p.addr)
}

func (o *Op) encode(b []byte) {
	flags := o.flags
	for i, arg := range o.args {
		v, indirect := argument(arg)
		if indirect {
			flags |= 1 << i
		}
		binary.LittleEndian.PutUint64(b[opArg+8*i:], v)
	}
	abi := o.prog.ABI()
	if abi.WordSize() == 4 {
		binary.LittleEndian.PutUint32(b[opTcb:], uint32(o.prog.Block.addr()))
	}
	nr := abi.Number(o.call)
	if a := o.prog.Area; o.flags&(flagEnd|flagWait|flagAdd|flagIgnore) == 0 {
		if a.Fail != nil && a.Fail() {
			nr = arch.NoCall
		}
		if a.Crash != nil && a.Crash() {
			flags |= 1
			binary.LittleEndian.PutUint64(b[opArg:], 0)
		}
	}
	binary.LittleEndian.PutUint32(b[opNr:], uint32(nr))
	binary.LittleEndian.PutUint32(b[opFlags:], flags)
	binary.LittleEndian.PutUint64(b[opResult:], 0)
	binary.LittleEndian.PutUint64(b[opAux:], o.aux)
}

// words are what stands for an Offset or Halves from register number at on.
func words(abi *arch.ABI, at int, arg any) []any {
	var v uint64
	switch a := arg.(type) {
	case Offset:
		v = uint64(a)
	case Halves:
		v = uint64(a)
	}
	if abi.WordSize() == 8 {
		return []any{v}
	}
	halves := []any{uint32(v), uint32(v >> 32)}
	if _, pair := arg.(Offset); pair && abi.EvenPairs && at%2 == 1 {
		return append([]any{0}, halves...)
	}
	return halves
}

// argument returns an argument's bits, and whether they are the address of its value.
func argument(arg any) (v uint64, indirect bool) {
	switch a := arg.(type) {
	case nil:
		return 0, false
	case int:
		return uint64(a), false
	case int32:
		return uint64(a), false
	case int64:
		return uint64(a), false
	case uint32:
		return uint64(a), false
	case uint64:
		return a, false
	case Data:
		return a.Addr(), false
	case Value:
		return a.Addr(), true
	case *Op:
		return a.prog.Area.Base + uint64(a.off) + opResult, true
	}
	panic(fmt.Sprintf("stub: argument of type %T", arg))
}

// Result is what the call returned, once the program ran.
func (o *Op) Result() int64 {
	return int64(binary.LittleEndian.Uint64(o.prog.Area.mem[o.off+opResult:]))
}

// Address is what the call returned, an address.
func (o *Op) Address() uint64 { return o.prog.ABI().Address(o.Result()) }

// Err is the error of an operation that was told to Ignore it.
func (o *Op) Err() error {
	if r := o.Result(); r < 0 && r >= -4095 {
		return unix.Errno(-r)
	}
	return nil
}

// String lists the program, one line an operation.
func (p *Program) String() string {
	var s strings.Builder
	for i, op := range p.ops {
		fmt.Fprintf(&s, "%3d  %s\n", i, op)
	}
	return s.String()
}

// String is the operation as strace would show it.
func (o *Op) String() string {
	var s strings.Builder
	switch {
	case o.flags&flagEnd != 0:
		s.WriteString("end")
	case o.flags&flagWait != 0:
		fmt.Fprintf(&s, "wait(%s == %s)", o.arg(0), o.arg(2))
	case o.flags&flagAdd != 0:
		fmt.Fprintf(&s, "add(%s, %s)", o.arg(0), o.arg(1))
	default:
		s.WriteString(o.call.String())
		s.WriteByte('(')
		for i := range o.nargs {
			if i > 0 {
				s.WriteString(", ")
			}
			s.WriteString(o.arg(i))
		}
		s.WriteByte(')')
	}
	if o.flags&flagExpect != 0 {
		fmt.Fprintf(&s, " = %#x!", o.aux)
	}
	if o.flags&flagIgnore != 0 {
		s.WriteString(" ignore")
	}
	if o.note != "" {
		s.WriteString("  # " + o.note)
	}
	return s.String()
}

func (o *Op) arg(i int) string {
	switch a := o.args[i].(type) {
	case Data:
		if a.text {
			return fmt.Sprintf("%q", a.Mem()[:a.n-1])
		}
		return fmt.Sprintf("&[%d]", a.n)
	case Value:
		return "word"
	case *Op:
		return "result of " + a.call.String()
	default:
		v, _ := argument(a)
		if v < 1<<16 || int64(v) < 0 && int64(v) > -1<<16 {
			return fmt.Sprint(int64(v))
		}
		return fmt.Sprintf("%#x", v)
	}
}
