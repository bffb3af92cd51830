package procfs

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
)

// cutLine takes the first line off b, without its newline.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// cutKey splits "key: value" and "key:\tvalue". The value keeps its blanks: most are not looked at.
func cutKey(line []byte) (key, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil, nil, false
	}
	return line[:i], line[i+1:], true
}

func skipBlanks(b []byte) []byte {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	return b[i:]
}

// number reads all of b as an unsigned number of base 8, 10 or 16.
func number(b []byte, base uint64) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		var d uint64
		switch {
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case 'a' <= c && c <= 'f':
			d = uint64(c-'a') + 10
		case 'A' <= c && c <= 'F':
			d = uint64(c-'A') + 10
		default:
			return 0, false
		}
		if d >= base {
			return 0, false
		}
		if len(b) < 16 { // of no base too many for 64 bits
			v = v*base + d
			continue
		}
		over, times := bits.Mul64(v, base)
		sum, carry := bits.Add64(times, d, 0)
		if over|carry != 0 {
			return 0, false
		}
		v = sum
	}
	return v, true
}

// fields takes a line apart from left to right. The first mistake sticks: later fields read as zero, so a parser checks once, at the end of the line.
type fields struct {
	rest []byte
	n    int // of fields taken
	err  error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("field %d: "+format, append([]any{f.n}, args...)...)
	}
}

// word takes what stands before the next blank.
func (f *fields) word() []byte {
	f.n++
	f.rest = skipBlanks(f.rest)
	i := 0
	for i < len(f.rest) && f.rest[i] != ' ' && f.rest[i] != '\t' {
		i++
	}
	if i == 0 {
		f.fail("missing")
	}
	w := f.rest[:i]
	f.rest = f.rest[i:]
	return w
}

// until takes what stands before the next c, which must come, and c.
func (f *fields) until(c byte) []byte {
	f.n++
	f.rest = skipBlanks(f.rest)
	i := bytes.IndexByte(f.rest, c)
	if i < 0 {
		f.fail("no %q after %q", c, clip(f.rest))
		f.rest = nil
		return nil
	}
	w := f.rest[:i]
	f.rest = f.rest[i+1:]
	return w
}

func (f *fields) value(w []byte, base, most uint64) uint64 {
	if f.err != nil {
		return 0
	}
	v, ok := number(w, base)
	if !ok {
		f.fail("bad number %q", clip(w))
		return 0
	}
	if v > most {
		f.fail("%s is out of range", w)
		return 0
	}
	return v
}

func (f *fields) dec() uint64   { return f.value(f.word(), 10, math.MaxUint64) }
func (f *fields) dec32() uint32 { return uint32(f.value(f.word(), 10, math.MaxUint32)) }
func (f *fields) hex() uint64   { return f.value(f.word(), 16, math.MaxUint64) }
func (f *fields) oct32() uint32 { return uint32(f.value(f.word(), 8, math.MaxUint32)) }

func (f *fields) hexUntil(c byte) uint64   { return f.value(f.until(c), 16, math.MaxUint64) }
func (f *fields) hex32Until(c byte) uint32 { return uint32(f.value(f.until(c), 16, math.MaxUint32)) }

func (f *fields) signed(w []byte, most uint64) int64 {
	if len(w) > 0 && w[0] == '-' {
		return -int64(f.value(w[1:], 10, most))
	}
	return int64(f.value(w, 10, most))
}

// sdec takes a signed number; the least int64 does not occur in /proc.
func (f *fields) sdec() int64 { return f.signed(f.word(), math.MaxInt64) }

func (f *fields) sdec32() int { return int(f.signed(f.word(), math.MaxInt32)) }

// more tells whether anything but blanks is left.
func (f *fields) more() bool {
	f.rest = skipBlanks(f.rest)
	return len(f.rest) > 0 && f.err == nil
}

// keyed takes a field of the form key + value, as in "ino:2f".
func (f *fields) keyed(key string) []byte {
	w := f.word()
	if f.err == nil && (len(w) < len(key) || string(w[:len(key)]) != key) {
		f.fail("%q is not %s", clip(w), key)
		return nil
	}
	if f.err != nil {
		return nil
	}
	return w[len(key):]
}

// clip bounds what an error quotes.
func clip(b []byte) []byte {
	if len(b) > 40 {
		return b[:40]
	}
	return b
}

func lineError(n int, err error) error { return fmt.Errorf("line %d: %w", n, err) }

// unescape undoes the octal escapes of the kernel's seq_path and mangle_path (fs/seq_file.c): a backslash and three octal digits.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if v, ok := number(b[i+1:i+4], 8); ok && v <= math.MaxUint8 {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
