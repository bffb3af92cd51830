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
	var s smaps
	err := s.take(b)
	return s.areas, err
}

// smaps is what was read of a file so far. The text is some 700 bytes for each area and is not kept.
type smaps struct {
	areas []Smap
	lines int
}

// take parses some more whole lines.
func (s *smaps) take(b []byte) error {
	var line []byte
	for len(b) > 0 {
		line, b = cutLine(b)
		s.lines++
		if err := s.line(line); err != nil {
			return lineError(s.lines, err)
		}
	}
	return nil
}

func (s *smaps) line(line []byte) error {
	n := len(s.areas)
	// Keys begin with a capital letter, addresses are lower-case hexadecimal.
	if len(line) > 0 && 'A' <= line[0] && line[0] <= 'Z' {
		if n == 0 {
			return fmt.Errorf("%q before the first area", clip(line))
		}
		return s.areas[n-1].parseLine(line)
	}
	var last *Map
	if n > 0 {
		last = &s.areas[n-1].Map
	}
	m, err := parseMap(line, last)
	if err == nil {
		s.areas = append(s.areas, Smap{Map: m})
	}
	return err
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
