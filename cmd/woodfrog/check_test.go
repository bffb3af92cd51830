package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/core"
	"woodfrog/core/kerndat"
	"woodfrog/core/vdso"
)

func TestVerdict(t *testing.T) {
	have := func(f kerndat.Feature, a kerndat.Answer) core.Finding { return core.Finding{Feature: f, Answer: a} }
	for _, c := range []struct {
		findings  []core.Finding
		extra     bool
		says, err string
	}{
		{nil, true, "Looks good.\n", ""},
		{[]core.Finding{have(kerndat.PagemapScan, kerndat.No)}, true, "Looks good.\n", ""},
		{[]core.Finding{have(kerndat.MntID, kerndat.No)}, false, "Looks good.\n", ""},
		{[]core.Finding{have(kerndat.MntID, kerndat.No)}, true, "Looks good but for mnt_id.\n", "missing: mnt_id"},
		{[]core.Finding{have(kerndat.MntID, kerndat.No), have(kerndat.Kcmp, kerndat.Unknown)}, false,
			"Does not look good.\n", "missing: kcmp (not known), mnt_id"},
	} {
		var out bytes.Buffer
		err := verdict(&out, c.findings, c.extra)
		require.Equal(t, c.says, out.String())
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.err)
		}
	}
}

func TestPrintVDSOs(t *testing.T) {
	var out bytes.Buffer
	printVDSOs(&out, []core.KernelVDSO{
		{ABI: "a", Areas: vdso.Group{{End: 0x4000, Name: "[vvar]"}, {Start: 0x4000, End: 0x6000, Name: "[vdso]"}}, Functions: []string{"f", "g"},
			BuildID: []byte{0xca, 0xfe}},
		{ABI: "b"},
		{ABI: "c", Err: errors.New("hidden")},
	}, "/x/y")
	require.Equal(t, `The kernel's vDSO:
  a        [vvar] 16 KiB, [vdso] 8 KiB, build ID cafe
           f g
  b        none
  c        unknown: hidden
Kept in /x/y until the next boot.
`, out.String())
}

// call runs a command line as main does.
func call(args ...string) (status int, out, err string) {
	var o, e bytes.Buffer
	status = run(args, streams{out: &o, err: &e})
	return status, o.String(), e.String()
}

func TestCheckFeature(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("CRIU_CONFIG_FILE", "")
	status, out, msg := call("criu", "check", "--feature", "mnt_id")
	require.Equal(t, []any{0, "mnt_id is supported\n", ""}, []any{status, out, msg})
	status, out, msg = call("criu", "check", "--feature", "uffd")
	require.Equal(t, []any{1, "", "woodfrog: check: uffd: memory is not restored on demand yet\n"}, []any{status, out, msg})
	status, out, msg = call("criu", "check", "-verbosity=0", "--feature", "uffd")
	require.Equal(t, []any{1, "", ""}, []any{status, out, msg})
	_, _, msg = call("criu", "check", "--feature", "timerdf")
	require.Contains(t, msg, "did you mean timerfd?")
	status, out, _ = call("criu", "check", "--feature", "list")
	require.Zero(t, status)
	require.Contains(t, out, " pagemap_scan ")
}

func TestVersion(t *testing.T) {
	for _, v := range []string{"version", "--version", "-V"} {
		_, out, _ := call("/usr/bin/woodfrog", v)
		require.Equal(t, "woodfrog "+version+" (CRIU level 4.2)\n", out)
		_, out, _ = call("/usr/sbin/criu", v)
		require.Equal(t, "Version: 4.2\n", out)
	}
}
