package kerndat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
)

func TestTaskSize(t *testing.T) {
	for _, c := range []struct{ most, stack, want uint64 }{
		{1 << 48, 0xffff_f00d_ffe0, 1 << 48},
		{1 << 48, 0x7ff0_0000_ffe0, 1 << 47},
		{1 << 48, 0x7f_ffff_ffe0, 1 << 39},
		{1 << 48, 0xf_ffff_ffff_ffe0, 1 << 48},
		{1<<47 - 4096, 0x7fff_ffff_ffe0, 1<<47 - 4096},
		{0xbf000000, 0xbeff_ffe0, 0xbf000000},
	} {
		require.Equal(t, c.want, taskSize(c.most, c.stack), c)
	}
	abi := &arch.ABI{TaskSize: 1 << 62}
	require.NotEqual(t, abi.TaskSize, TaskSize(abi), "this process tells")
}
