package arch

import "encoding/binary"

// Kernel structures of an ABI are written and read field by field: Struct and Fields know the sizes of words and where fields are
// aligned, who calls them the order of the fields, which all ABIs share. Little endian.

// Struct is a kernel structure in the making.
type Struct struct {
	abi *ABI
	b   []byte
}

// Struct begins a structure as a task of a hands it to the kernel.
func (a *ABI) Struct() *Struct { return &Struct{abi: a} }

func (s *Struct) align(n int) {
	for len(s.b)%n != 0 {
		s.b = append(s.b, 0)
	}
}

// U16 appends a field of 16 bits.
func (s *Struct) U16(v uint16) *Struct {
	s.align(2)
	s.b = binary.LittleEndian.AppendUint16(s.b, v)
	return s
}

// U32 appends fields of 32 bits.
func (s *Struct) U32(values ...uint32) *Struct {
	s.align(4)
	for _, v := range values {
		s.b = binary.LittleEndian.AppendUint32(s.b, v)
	}
	return s
}

// U64 appends fields of 64 bits.
func (s *Struct) U64(values ...uint64) *Struct {
	s.align(s.abi.align64())
	for _, v := range values {
		s.b = binary.LittleEndian.AppendUint64(s.b, v)
	}
	return s
}

// Word appends pointers or longs of the task.
func (s *Struct) Word(values ...uint64) *Struct {
	n := s.abi.WordSize()
	s.align(n)
	for _, v := range values {
		s.b = appendWord(s.b, n, v)
	}
	return s
}

// KernelWord appends pointers in a structure that the kernel reads as its own, whatever ABI the task has.
func (s *Struct) KernelWord(values ...uint64) *Struct {
	n := s.abi.KernelWordSize()
	s.align(n)
	for _, v := range values {
		s.b = appendWord(s.b, n, v)
	}
	return s
}

// Set appends a signal set: words that make 64 bits.
func (s *Struct) Set(v uint64) *Struct {
	s.align(s.abi.WordSize())
	s.b = binary.LittleEndian.AppendUint64(s.b, v)
	return s
}

// Pad makes the structure n bytes long.
func (s *Struct) Pad(n int) *Struct {
	s.b = append(s.b, make([]byte, max(0, n-len(s.b)))...)
	return s
}

// Bytes is the structure so far.
func (s *Struct) Bytes() []byte { return s.b }

func appendWord(b []byte, size int, v uint64) []byte {
	if size == 4 {
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(b, v)
}

// Fields reads a kernel structure from its beginning.
type Fields struct {
	abi *ABI
	b   []byte
	at  int
}

// Fields reads b, a structure as the kernel hands it to a task of a.
func (a *ABI) Fields(b []byte) *Fields { return &Fields{abi: a, b: b} }

func (f *Fields) next(size, align int) []byte {
	start := (f.at + align - 1) / align * align
	f.at = start + size
	return f.b[start:f.at]
}

// U32 is the next field, of 32 bits.
func (f *Fields) U32() uint32 { return binary.LittleEndian.Uint32(f.next(4, 4)) }

// U64 is the next field, of 64 bits.
func (f *Fields) U64() uint64 { return binary.LittleEndian.Uint64(f.next(8, f.abi.align64())) }

// Word is the next field, a pointer or an unsigned long.
func (f *Fields) Word() uint64 {
	n := f.abi.WordSize()
	b := f.next(n, n)
	if n == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// Set is the next field, a signal set.
func (f *Fields) Set() uint64 { return binary.LittleEndian.Uint64(f.next(8, f.abi.WordSize())) }

func (a *ABI) align64() int {
	if a.Align64 != 0 {
		return a.Align64
	}
	return 8
}

// Address is a call's result as an address: an ABI with words of 32 bits gives those of its upper half as negative numbers.
func (a *ABI) Address(result int64) uint64 {
	if a.WordSize() == 4 {
		return uint64(uint32(result))
	}
	return uint64(result)
}
