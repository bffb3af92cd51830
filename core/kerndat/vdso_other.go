//go:build !amd64

package kerndat

import "errors"

// probeMapVDSO: only x86 can map a vDSO again.
func probeMapVDSO() (bool, error) { return false, nil }

func moveInTracee(int, uint64, uint64, uint64) error {
	return errors.New("no calls are made in children on this processor")
}
