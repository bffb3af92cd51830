package procfs

import "fmt"

// A Smap is an area of /proc/PID/smaps: its line of maps, and figures in bytes.
type Smap struct {
	Map
	Flags          VmFlags
	KernelPageSize uint64 // larger than the machine's for hugetlb
	Rss            uint64
	Anonymous      uint64
	AnonHugePages  uint64
	SharedHugetlb  uint64
	PrivateHugetlb uint64
	Swap           uint64
	Locked         uint64 // the share of the resident pages that counts as locked
	ProtectionKey  Maybe[uint32]
}

// ParseSmaps parses /proc/PID/smaps.
func ParseSmaps(b []byte) ([]Smap, error) {
	if len(b) == 0 {
		return nil, nil
	}
	maps := make([]Smap, 0, 1+len(b)/700)
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		// Keys begin with a capital letter, addresses are lower-case hexadecimal.
		if len(line) > 0 && 'A' <= line[0] && line[0] <= 'Z' {
			if len(maps) == 0 {
				return nil, lineError(n, fmt.Errorf("%q before the first area", clip(line)))
			}
			if err := maps[len(maps)-1].parseLine(line); err != nil {
				return nil, lineError(n, err)
			}
			continue
		}
		var last *Map
		if len(maps) > 0 {
			last = &maps[len(maps)-1].Map
		}
		m, err := parseMap(line, last)
		if err != nil {
			return nil, lineError(n, err)
		}
		maps = append(maps, Smap{Map: m})
	}
	return maps, nil
}

func (m *Smap) parseLine(line []byte) error {
	key, value, ok := cutKey(line)
	if !ok {
		return fmt.Errorf("no key in %q", clip(line))
	}
	var to *uint64
	switch string(key) {
	case "VmFlags":
		m.Flags = parseVmFlags(value)
		return nil
	case "ProtectionKey":
		f := fields{rest: value}
		m.ProtectionKey = Some(f.dec32())
		return wrapKey(key, f.err)
	case "KernelPageSize":
		to = &m.KernelPageSize
	case "Rss":
		to = &m.Rss
	case "Anonymous":
		to = &m.Anonymous
	case "AnonHugePages":
		to = &m.AnonHugePages
	case "Shared_Hugetlb":
		to = &m.SharedHugetlb
	case "Private_Hugetlb":
		to = &m.PrivateHugetlb
	case "Swap":
		to = &m.Swap
	case "Locked":
		to = &m.Locked
	default:
		return nil
	}
	f := fields{rest: value}
	*to = f.kilobytes()
	return wrapKey(key, f.err)
}

func wrapKey(key []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
