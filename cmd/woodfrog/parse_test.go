package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/core"
)

func noEnv(string) string { return "" }

func parsed(t *testing.T, line string) commandLine {
	t.Helper()
	l, err := parse(strings.Fields(line+" --no-default-config"), noEnv)
	require.NoError(t, err)
	return l
}

func TestCommandStandsAnywhere(t *testing.T) {
	for _, line := range []string{
		"dump -t 7 -D /img -vvvv -R -o log",
		"-t 7 dump --images-dir=/img -v4 --leave-running -olog",
		"--tree=7 --images-dir /img -Rv4 --log-file log dump",
		"-t7 -D/img -v -v -R -o log dump",
	} {
		l := parsed(t, line)
		require.Equal(t, cmdDump, l.command, line)
		require.Equal(t, 7, l.settings.tree, line)
		require.Equal(t, "/img", l.settings.core.ImagesDir, line)
		require.Equal(t, "/img", l.settings.core.WorkDir, line)
		require.True(t, l.settings.core.LeaveRunning, line)
		require.Equal(t, "/img/log", l.settings.inWorkDir(l.settings.logFile), line)
		require.GreaterOrEqual(t, l.settings.verbosity, logDebug, line)
	}
}

func TestVerbosity(t *testing.T) {
	for line, want := range map[string]int{
		"": 2, "-v": 3, "-vv": 4, "-v -v": 4, "-v0": 0, "-v1": 1, "--verbosity=4": 4, "--verbosity": 3,
		"-verbosity=0": 0, "-v4 -v": 5, "-vvvvvv": 8,
	} {
		require.Equal(t, want, parsed(t, "check "+line).settings.verbosity, line)
	}
}

func TestLastWordCounts(t *testing.T) {
	l := parsed(t, "restore --shell-job --no-shell-job -d --timeout 5 --timeout 7 --no-restore-detached --track-mem")
	require.False(t, l.settings.core.ShellJob)
	require.False(t, l.settings.core.RestoreDetached)
	require.Equal(t, 7*time.Second, l.settings.timeout)
	parsed(t, "dump -t 1 --track-mem --no-track-mem")
}

func TestCPUCap(t *testing.T) {
	const image = core.CPUCapImage
	for line, want := range map[string]core.CPUCap{
		"":                        core.CPUCapDefault,
		"--cpu-cap":               core.CPUCapAll | image,
		"--cpu-cap=none":          core.CPUCapNone,
		"--cpu-cap=cpu":           core.CPUCapAll | image,
		"--cpu-cap=none,fpu":      core.CPUCapFPU | image,
		"--cpu-cap=all,^ins,^cpu": core.CPUCapFPU | image,
		"--cpu-cap=^none":         core.CPUCapAll | image,
	} {
		require.Equal(t, want, parsed(t, "restore "+line).settings.core.CPUCap, line)
	}
}

// TestCallers has the command lines of LXC and of CRIU's test runner.
func TestCallers(t *testing.T) {
	for _, line := range []string{
		"dump --tcp-established --file-locks --link-remap --manage-cgroups=full --ext-mount-map auto " +
			"--enable-external-sharing --enable-external-masters --enable-fs hugetlbfs --enable-fs tracefs -D d -o f " +
			"--cgroup-root /lxc/x -v4 -t 12 --skip-in-flight --freeze-cgroup /sys/fs/cgroup/x --external tty[88:4] " +
			"--force-irmap --ghost-limit 1M --leave-running",
		"restore --root /r --restore-detached --restore-sibling --veth-pair eth0=veth1 --external net[12]:n -D d",
		"dump --log-file dump.log --images-dir d/1 --verbosity=4 --tree 12 --pidfile /p --timeout 10 --ghost-limit 8M " +
			"--no-ghost-fiemap --network-lock nftables --external mnt[/dev]:ZDTM_DEV --leave-stopped",
		"restore --log-file restore.log --images-dir d/1 --verbosity=4 --pidfile /p --mntns-compat-mode " +
			"--manage-cgroups --cgroup-root name=z:/prefix --tcp-close --leave-stopped --restore-detached",
		"check -verbosity=0 --feature mnt_id --unprivileged",
		"check --pre-dump-mode read --auto-dedup --page-server --track-mem --display-stats -v0 -s -t 1",
	} {
		parsed(t, line)
	}
}

func TestUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"":                                 "which command?",
		"dmp -t 1":                         "dmp: unknown command; did you mean dump?",
		"pre-dump -t 1":                    "pre-dump: this command of CRIU is not served yet",
		"dump":                             "dump: which process?",
		"dump -t":                          "-t: needs an argument",
		"dump -t 0":                        `dump: -t: "0" is not a positive number`,
		"dump -t 99999999999":              "is not a positive number",
		"dump -t 1 -R -s":                  "exclude each other",
		"dump -t 1 now":                    `dump: excess argument "now"`,
		"dump -t 1 --images-dir=":          "dump: --images-dir: the argument is empty",
		"restore --pidfile=":               "restore: --pidfile: the argument is empty",
		"dump -t -D DIR":                   `dump: -t: "-D" is not a positive number`,
		"version 2":                        `version: excess argument "2"`,
		"dump -t 1 --shell-job=yes":        "--shell-job: takes no argument",
		"dump -t 1 -Z":                     "-Z: unknown option",
		"dump -t 1 --track-mem":            "dump: --track-mem: not served yet: ",
		"dump -t 1 --ghost-limit 1X":       `--ghost-limit: "1X" is not a size`,
		"dump -t 1 --ghost-limit 9999999T": "is not a size",
		"dump -t 1 --external file[1:2]":   "external files are not served yet",
		"dump -t 1 --external mnt":         "not of the form",
		"dump -t 1 --network-lock maybe":   "is none of iptables, nftables",
		"dump -t 1 --timeout soon":         "is not a number of seconds",
		"dump -t 1 -vX":                    `level "X" is not a number`,
		"restore -S":                       "--restore-sibling needs --restore-detached",
		"restore --inherit-fd fd[3]:x":     "restore: --inherit-fd: not served yet: ",
		"restore --exec-cmd":               "which command?",
		"restore x":                        `restore: excess argument "x"`,
		"show a b":                         `show: excess argument "b"`,
		"check --cpu-cap=many":             "is none of cpu, fpu",
	} {
		_, err := parse(strings.Fields(line), noEnv)
		require.ErrorContains(t, err, want, line)
	}
}

// TestUsageErrorsAreLogged: callers such as zdtm.py open the log file that they named whatever happens.
func TestUsageErrorsAreLogged(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	for _, args := range [][]string{
		{"dump", "--images-dir", dir, "--track-mem", "-t", "1", "--log-file", "LOG"},
		{"dump", "--bogus", "3", "-D", dir, "-o", "LOG"},
		{"pre-dump", "-D", dir, "-Z", "-oLOG"},
		{"-D", dir, "-o", "LOG"},
		{"dump", "-D", dir, "-o", "LOG", "--timeout", "soon"},
	} {
		status, _, msg := call(append([]string{"woodfrog"}, args...)...)
		require.Equal(t, exitFailure, status, args)
		first, _, _ := strings.Cut(msg, "\n")
		log, err := os.ReadFile(filepath.Join(dir, "LOG"))
		require.NoError(t, err, args)
		require.Regexp(t, `^Error \(main\.go:[0-9]+\): .+\n$`, string(log))
		require.Contains(t, string(log), strings.TrimPrefix(first, "woodfrog: "))
		require.NoError(t, os.Remove(filepath.Join(dir, "LOG")))
	}
}

func TestHelpAndVersionComeFirst(t *testing.T) {
	l, err := parse([]string{"dump", "--bad", "-h"}, noEnv)
	require.NoError(t, err)
	require.True(t, l.settings.help)
	l, err = parse([]string{"-V"}, noEnv)
	require.NoError(t, err)
	require.True(t, l.settings.version)
}

func TestHelpOfACommand(t *testing.T) {
	_, all, _ := call("woodfrog", "--help")
	_, one, _ := call("woodfrog", "show", "--help")
	for _, name := range []string{"--tree", "--json", "--ghost-limit", "--images-dir", "  dump "} {
		require.Contains(t, all, name)
	}
	require.Contains(t, one, "--json")
	require.Contains(t, one, "--images-dir")
	for _, name := range []string{"--tree", "--ghost-limit", "  dump "} {
		require.NotContains(t, one, name)
	}
}

func TestConfigSyntax(t *testing.T) {
	text := "tcp-close\n" +
		"\t verbosity 4 \n" +
		"# comment\n\n" +
		`work-dir "/home/my \"work\" dir"   # another` + "\n" +
		"no-shell-job# tight\n" +
		"leave-running   # third\n" +
		"pidfile=/p \n" +
		`log-file ""`
	uses, err := parseConfig("f", text)
	require.NoError(t, err)
	s := defaults()
	require.Len(t, uses, 7)
	for _, u := range uses[:6] {
		require.NoError(t, u.apply(&s))
	}
	require.EqualError(t, uses[6].apply(&s), "f:9: --log-file: the argument is empty")
	require.Equal(t, "/p", s.pidFile)
	require.Equal(t, 4, s.verbosity)
	require.Equal(t, `/home/my "work" dir`, s.core.WorkDir)
	require.True(t, s.core.LeaveRunning)
	require.False(t, uses[3].val.on)

	for text, want := range map[string]string{
		"dump":              "f:1: --dump: unknown option",
		"\nshell-job yes":   "f:2: --shell-job: takes no argument",
		"tree":              "f:1: --tree: needs an argument",
		`work-dir "/a`:      "no closing quote",
		`work-dir "/a" b`:   "text after the closing quote",
		"-R":                "f:1: -R: options stand here by their long names without dashes",
		"work-dir /a b":     "white space outside of quotes",
		`work-dir "`:        "no closing quote",
		"work-dirs /a # c ": "did you mean --work-dir?",
	} {
		_, err := parseConfig("f", text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestConfigOrder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	write(".criu/default.conf", "timeout 1\nwork-dir home\nlog-file home\nshell-job")
	env := write("env.conf", "work-dir env\nlog-file env")
	named := write("named.conf", "log-file named\ntimeout 3")
	getenv := func(name string) string { return map[string]string{"HOME": dir, "CRIU_CONFIG_FILE": env}[name] }
	get := func(args ...string) settings {
		l, err := parse(append([]string{"restore"}, args...), getenv)
		require.NoError(t, err)
		return l.settings
	}

	s := get("--no-shell-job")
	require.Equal(t, []any{"env", "env", time.Second, false}, []any{s.core.WorkDir, s.logFile, s.timeout, s.core.ShellJob})
	s = get("--config", named)
	require.Equal(t, []any{"env", "named", 3 * time.Second, false}, []any{s.core.WorkDir, s.logFile, s.timeout, s.core.ShellJob})
	s = get("--no-default-config", "-ocli")
	require.Equal(t, []any{"env", "cli", time.Duration(0)}, []any{s.core.WorkDir, s.logFile, s.timeout})

	_, err := parse([]string{"restore", "--config=" + dir + "/none"}, getenv)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = parse([]string{"restore", "--config=" + write("bad.conf", "join-ns net:/x")}, getenv)
	require.ErrorContains(t, err, "bad.conf:1: --join-ns: not served yet")
}
