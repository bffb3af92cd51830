//go:build !amd64

package kerndat

// probeMapVDSO: only x86 can map a vDSO again.
func probeMapVDSO() (bool, error) { return false, nil }
