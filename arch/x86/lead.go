package x86

import "woodfrog/arch"

const (
	longest  = 15 // bytes of an instruction (Intel SDM vol. 2, 2.3.11)
	pageSize = 4096
)

func lead64(gpr []byte, most int, within func(pc uint64) bool, read func(at uint64, b []byte) error) ([]uint64, error) {
	return arch.Ahead(regs64{}.PC(gpr), most, within, waysOn(read, true)), nil
}

func lead32(gpr []byte, most int, within func(pc uint64) bool, read func(at uint64, b []byte) error) ([]uint64, error) {
	return arch.Ahead(regs32{}.PC(gpr), most, within, waysOn(read, false)), nil
}

// waysOn returns the addresses that can follow an instruction: none if it does not say them, or is not known.
func waysOn(read func(at uint64, b []byte) error, long bool) func(at uint64) ([]uint64, error) {
	return func(at uint64) ([]uint64, error) {
		code := make([]byte, longest)
		if err := read(at, code); err != nil { // so near to the end
			code = code[:min(longest, -at%pageSize)]
			if err := read(at, code); err != nil {
				return nil, err
			}
		}
		i := decode(code, long)
		next := at + uint64(i.size)
		to := next + uint64(i.after)
		if !long {
			next, to = uint64(uint32(next)), uint64(uint32(to))
		}
		switch {
		case i.size == 0:
			return nil, nil
		case i.flow == jump:
			return []uint64{to}, nil
		case i.flow == branch:
			return []uint64{to, next}, nil // an end that is never come to does no harm
		}
		return []uint64{next}, nil
	}
}
