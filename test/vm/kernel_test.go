package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewest(t *testing.T) {
	releases := []string{
		"6.12.9+deb13-cloud-arm64", "6.12.107+deb13-cloud-arm64", "6.12.11+deb13-arm64", "6.12.10+deb13-arm64-16k", "6.1.0-50-cloud-arm64",
		"6.12.200+deb13-cloud-arm64-dbg", "6.12.200+deb13-cloud-arm64-unsigned", "6.12.200+deb13-rt-arm64", "6.12.30+bpo-cloud-arm64",
		"5.10.0-9-armmp", "5.10.0-32-armmp", "5.10.0-33-armmp-lpae", "7.2.12+deb14-arm64-16k", "7.10.1+deb14-arm64-16k",
	}
	for _, c := range []struct{ series, flavour, want string }{
		{"6.12", "cloud-arm64", "6.12.107+deb13-cloud-arm64"},
		{"6.12", "arm64", "6.12.11+deb13-arm64"},
		{"6.12", "arm64-16k", "6.12.10+deb13-arm64-16k"},
		{"6.1", "cloud-arm64", "6.1.0-50-cloud-arm64"},
		{"5.10", "armmp", "5.10.0-32-armmp"},
		{"7", "arm64-16k", "7.10.1+deb14-arm64-16k"},
		{"7", "arm64", ""},
	} {
		require.Equal(t, c.want, machine{series: c.series, flavour: c.flavour}.newest(releases), c)
	}
}

// TestMachines: each row has a platform and a source, and a name of its own.
func TestMachines(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range machines {
		require.Contains(t, platforms, m.arch, m.name())
		require.Contains(t, suites, m.series, m.name())
		require.False(t, seen[m.name()], m.name())
		seen[m.name()] = true
	}
}
