package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// criuOptions are the options of CRIU 4.2: a colon after one that needs an argument, two after one that may have one, a
// slash and letter where it has a short form, and ! where --no-NAME exists.
const criuOptions = `
tree:/t leave-stopped/s leave-running/R restore-detached/d! restore-sibling/S! daemon! images-dir:/D work-dir:/W
log-file:/o join-ns:/J root:/r ext-unix-sk::/x help/h tcp-established! close: log-pid! version/V evasive-devices! pidfile:
veth-pair: action-script: link-remap! shell-job/j! file-locks/l! page-server! address: port: prev-images-dir: ms track-mem!
auto-dedup! libdir:/L cpu-cap:: force-irmap! ext-mount-map:/M exec-cmd manage-cgroups:: cgroup-root: inherit-fd: feature:
skip-mnt: enable-fs: enable-external-sharing enable-external-masters freeze-cgroup: ghost-limit: irmap-scan-path:
lsm-profile: timeout: external: empty-ns: lazy-pages extra! experimental! all cgroup-props: cgroup-props-file:
cgroup-dump-controller: skip-in-flight! deprecated! display-stats! weak-sysctls! status-fd: tcp-close! verbosity::/v
ps-socket: stream! config: no-default-config tls-cacert: tls-cacrl: tls-cert: tls-key: tls! tls-no-cn-verify cgroup-yard:
pre-dump-mode: file-validation: skip-file-rwx-check! lsm-mount-context: network-lock: mntns-compat-mode! unprivileged!
ghost-fiemap! allow-uprobes!`

// ours are the options that CRIU does not have.
var ours = map[string]bool{"fsync": true, "json": true}

func (o *option) spelling() string {
	s := o.name + []string{noArg: "", mustArg: ":", mayArg: "::"}[o.arg]
	if o.short != 0 {
		s += "/" + string(o.short)
	}
	if o.no {
		s += "!"
	}
	return s
}

func TestEveryOptionOfCRIUIsKnown(t *testing.T) {
	var have []string
	for o := range eachOption {
		if !ours[o.name] {
			have = append(have, o.spelling())
		}
	}
	require.ElementsMatch(t, strings.Fields(criuOptions), have)
}

func TestOptionRows(t *testing.T) {
	for o := range eachOption {
		ways := 0
		for _, is := range []bool{o.flag != nil, o.text != nil, o.set != nil} {
			if is {
				ways++
			}
		}
		require.LessOrEqual(t, ways, 1, o.name)
		require.Equal(t, o.state == served, o.why == "", o.name)
		if o.flag != nil {
			require.Equal(t, noArg, o.arg, o.name)
		}
		if o.help != "" && o.arg != noArg {
			require.Contains(t, o.help, ": ", "%s: help begins with the argument", o.name)
		}
		if o.state == refused || o.state == noted {
			require.NotZero(t, o.cmds, o.name)
		}
	}
}

func TestOptionNames(t *testing.T) {
	for _, c := range []struct{ name, want, err string }{
		{"tree", "tree", ""},
		{"leave-run", "leave-running", ""},
		{"conf", "config", ""},
		{"no-ghost-f", "ghost-fiemap", ""},
		{"leave", "", "--leave: ambiguous: --leave-running, --leave-stopped"},
		{"leave-runing", "", "--leave-runing: unknown option; did you mean --leave-running?"},
		{"image-dirs", "", "--image-dirs: unknown option; did you mean --images-dir?"},
		{"frob", "", "--frob: unknown option"},
		{"no-tree", "", "--no-tree: unknown option; did you mean --tree?"},
		{"quite-another", "", "--quite-another: unknown option"},
	} {
		o, _, err := optionNamed(c.name)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, o.name)
	}
}
