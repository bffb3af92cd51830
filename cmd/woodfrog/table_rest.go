package main

import "errors"

// Why an option may be ignored.
const (
	whySockets  = "sockets that it is about are refused"
	whyMounts   = "mount namespaces are refused"
	whyNetns    = "network namespaces are refused"
	whyDeleted  = "deleted files are refused"
	whyInotify  = "inotify and fanotify are refused"
	whyServer   = "it says something of a page server or service, and those are refused"
	whyCgroups  = "cgroups are left alone, the restored processes are in woodfrog's"
	whyObsolete = "it is without effect in CRIU, too"
)

// otherOptions are those of CRIU that have no effect yet.
var otherOptions = []option{
	{name: "ext-unix-sk", short: 'x', arg: mayArg, cmds: cmdBoth, state: moot, why: whySockets},
	{name: "tcp-established", no: true, cmds: cmdBoth, state: moot, why: whySockets},
	{name: "tcp-close", no: true, cmds: cmdBoth, state: moot, why: whySockets},
	{name: "skip-in-flight", no: true, cmds: cmdDump, state: moot, why: whySockets},
	{name: "network-lock", arg: mustArg, cmds: cmdDump, state: moot, why: whySockets,
		set: func(_ *settings, v value) error { return oneOf(v.arg, "iptables", "nftables", "skip", "none") }},

	{name: "ext-mount-map", short: 'M', arg: mustArg, cmds: cmdBoth, state: moot, why: whyMounts,
		set: func(_ *settings, v value) error {
			if v.arg == "auto" {
				return nil
			}
			return checkPair(v.arg, ":")
		}},
	{name: "enable-external-sharing", cmds: cmdBoth, state: moot, why: whyMounts},
	{name: "enable-external-masters", cmds: cmdBoth, state: moot, why: whyMounts},
	{name: "enable-fs", arg: mustArg, cmds: cmdBoth, state: moot, why: whyMounts},
	{name: "skip-mnt", arg: mustArg, cmds: cmdBoth, state: moot, why: whyMounts},
	{name: "root", short: 'r', arg: mustArg, cmds: cmdBoth, state: moot, why: whyMounts},
	{name: "mntns-compat-mode", no: true, cmds: cmdRestore, state: moot, why: whyMounts},
	{name: "lsm-mount-context", arg: mustArg, cmds: cmdRestore, state: moot, why: whyMounts},
	{name: "veth-pair", arg: mustArg, cmds: cmdRestore, state: moot, why: whyNetns,
		set: func(_ *settings, v value) error { return checkPair(v.arg, "=") }},
	{name: "empty-ns", arg: mustArg, cmds: cmdBoth, state: moot, why: whyNetns,
		set: func(_ *settings, v value) error { return oneOf(v.arg, "net") }},
	{name: "weak-sysctls", no: true, cmds: cmdRestore, state: moot, why: "namespaces with sysctls of their own are refused"},
	{name: "external", arg: mustArg, cmds: cmdBoth, state: moot, why: "external resources are refused where they occur", set: checkExternal},

	{name: "link-remap", no: true, cmds: cmdBoth, state: moot, why: whyDeleted},
	{name: "ghost-limit", arg: mustArg, cmds: cmdDump, state: moot, why: whyDeleted, set: checkSize},
	{name: "ghost-fiemap", no: true, cmds: cmdDump, state: moot, why: whyDeleted},
	{name: "force-irmap", no: true, cmds: cmdDump, state: moot, why: whyInotify},
	{name: "irmap-scan-path", arg: mustArg, cmds: cmdDump, state: moot, why: whyInotify},
	{name: "allow-uprobes", no: true, cmds: cmdBoth, state: moot, why: "areas of uprobes are refused"},

	{name: "freeze-cgroup", arg: mustArg, cmds: cmdDump, state: moot, why: "the tree is stopped by ptrace until it is stable"},
	{name: "manage-cgroups", arg: mayArg, cmds: cmdBoth, state: noted, why: whyCgroups,
		set: func(_ *settings, v value) error {
			if !v.given {
				return nil
			}
			return oneOf(v.arg, "none", "props", "soft", "full", "strict", "ignore")
		}},
	{name: "cgroup-root", arg: mustArg, cmds: cmdBoth, state: noted, why: whyCgroups},
	{name: "cgroup-props", arg: mustArg, cmds: cmdDump, state: noted, why: whyCgroups},
	{name: "cgroup-props-file", arg: mustArg, cmds: cmdDump, state: noted, why: whyCgroups},
	{name: "cgroup-dump-controller", arg: mustArg, cmds: cmdDump, state: noted, why: whyCgroups},
	{name: "cgroup-yard", arg: mustArg, cmds: cmdBoth, state: noted, why: whyCgroups},

	{name: "libdir", short: 'L', arg: mustArg, cmds: cmdBoth, state: moot, why: "plugins serve devices, and those are refused"},
	{name: "log-pid", no: true, cmds: cmdRestore, state: moot, why: "one log file holds the whole restore, with PIDs in it"},
	{name: "unprivileged", no: true, cmds: cmdServed, state: moot, why: "what the caller may not do is refused where it occurs"},
	{name: "deprecated", no: true, cmds: cmdServed, state: moot, why: whyObsolete},
	{name: "pre-dump-mode", arg: mustArg, cmds: cmdPreDump, state: moot, why: "only pre-dump reads it",
		set: func(_ *settings, v value) error { return oneOf(v.arg, "read", "splice") }},
	{name: "file-validation", arg: mustArg, cmds: cmdBoth, state: moot, why: "the size of files is compared",
		set: func(_ *settings, v value) error { return oneOf(v.arg, "filesize", "buildid") }},
	{name: "auto-dedup", no: true, cmds: cmdRestore, state: noted, why: "the image is left whole"},

	{name: "address", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer},
	{name: "port", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer, set: checkNumber},
	{name: "ps-socket", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer, set: checkNumber},
	{name: "status-fd", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer, set: checkNumber},
	{name: "tls", no: true, cmds: cmdNone, state: moot, why: whyServer},
	{name: "tls-cacert", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer},
	{name: "tls-cacrl", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer},
	{name: "tls-cert", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer},
	{name: "tls-key", arg: mustArg, cmds: cmdNone, state: moot, why: whyServer},
	{name: "tls-no-cn-verify", cmds: cmdNone, state: moot, why: whyServer},
	{name: "ms", cmds: cmdCheck, state: moot, why: whyObsolete, set: func(*settings, value) error {
		return errors.New("CRIU has dropped it; see --extra")
	}},

	{name: "page-server", no: true, cmds: cmdDump, state: refused, why: "pages would go to files here"},
	{name: "stream", no: true, cmds: cmdBoth, state: refused, why: "images are files of a directory"},
	{name: "prev-images-dir", arg: mustArg, cmds: cmdDump, state: refused, why: "the images would not refer to their parent"},
	{name: "track-mem", no: true, cmds: cmdDump, state: refused, why: "every dump holds all memory"},
	{name: "lazy-pages", cmds: cmdBoth, state: refused, why: "all memory is dumped and restored at once"},
	{name: "action-script", arg: mustArg, cmds: cmdBoth, state: refused, why: "the script would not be run"},
	{name: "inherit-fd", arg: mustArg, cmds: cmdRestore, state: refused, why: "the descriptor would not be used"},
	{name: "join-ns", short: 'J', arg: mustArg, cmds: cmdRestore, state: refused, why: "the tree would be in woodfrog's namespaces"},
	{name: "lsm-profile", arg: mustArg, cmds: cmdRestore, state: refused, why: "the tree would have woodfrog's profile"},
}
