package core

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

type place struct {
	kind, stage string
	n           int64
}

func TestParseFault(t *testing.T) {
	for _, c := range []struct {
		text string
		op   *operation
		want place
		err  string
	}{
		{text: "stage:memory", op: dumping, want: place{kind: faultStage, stage: "memory"}},
		{text: "kill:commit", op: dumping, want: place{kind: faultKill, stage: "commit"}},
		{text: "op:7", op: restoring, want: place{kind: faultOp, n: 7}},
		{text: "call:1", op: dumping, want: place{kind: faultCall, n: 1}},
		{text: "full:2", op: dumping, want: place{kind: faultFull, n: 2}},
		{text: "criu:3", op: dumping, want: place{kind: faultStage, stage: "memory"}},
		{text: "criu:136", op: dumping, want: place{kind: faultKill, stage: "memory"}},
		{text: "criu:3", op: restoring},
		{text: "criu:137", op: restoring},
		{text: "", op: dumping},
		{text: "vdso:far,gone=getcpu", op: restoring, want: place{kind: faultVDSO}},
		{text: "criu:133", op: restoring, want: place{kind: faultVDSO}},
		{text: "criu:133", op: dumping},
		{text: "criu:131", op: restoring, err: "not served"},
		{text: "vdso:far,near", op: restoring, err: "faults of the vDSO are trampolines, "},
		{text: "stage:switch", op: dumping, err: "stages of a dump are preflight, freeze, "},
		{text: "op:0", op: dumping, err: "from 1 on"},
		{text: "op", op: dumping, err: "from 1 on"},
		{text: "7", op: dumping, err: "want stage:NAME"},
	} {
		f, err := parseFault(c.text, c.op)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		if c.want.kind == "" {
			require.Nil(t, f, c.text)
			continue
		}
		require.Equal(t, c.want, place{f.kind, f.stage, f.n}, c.text)
	}
}

func TestCRIUFaultsNameStages(t *testing.T) {
	for _, op := range []*operation{dumping, restoring} {
		for n, text := range op.criu {
			_, err := parseFault(text, op)
			require.NoError(t, err, "%s: %d", op.name, n)
		}
	}
}

func TestFaultHitsOnce(t *testing.T) {
	f, err := parseFault("op:2", dumping)
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, true, false}, []bool{f.call(), f.op(), f.op(), f.op()})
	require.False(t, (*fault)(nil).op())
	require.NoError(t, (*fault)(nil).at("freeze"))
}

func TestPanicsBecomeErrors(t *testing.T) {
	o := Options{}.filled()
	cause := errors.New("cause")
	for _, f := range []func() error{
		func() error { panic(cause) },
		func() error { return cause },
	} {
		require.ErrorIs(t, o.guarded("x", f), cause)
	}
	var none []int
	require.ErrorContains(t, o.guarded("stage", func() error { none[0]++; return nil }), "stage: panic: runtime error: index out of range")
	require.ErrorContains(t, o.guarded("stage", func() error { panic("why") }), "stage: panic: why")
}
