package image

// The kinds of image files.
const (
	Inventory     Kind = iota // inventory.img
	Fdinfo                    // fdinfo-%u.img
	Pagemap                   // pagemap-%lu.img
	ShmemPagemap              // pagemap-shmem-%lu.img
	RegFiles                  // reg-files.img
	ExtFiles                  // ext-files.img
	NsFiles                   // ns-files.img
	EventfdFile               // eventfd.img
	EventpollFile             // eventpoll.img
	EventpollTfd              // eventpoll-tfd.img
	Signalfd                  // signalfd.img
	InotifyFile               // inotify.img
	InotifyWd                 // inotify-wd.img
	FanotifyFile              // fanotify.img
	FanotifyMark              // fanotify-mark.img
	Core                      // core-%u.img
	Ids                       // ids-%u.img
	Mm                        // mm-%u.img
	Vmas                      // vmas-%u.img
	Pipes                     // pipes.img
	PipesData                 // pipes-data.img
	Fifo                      // fifo.img
	FifoData                  // fifo-data.img
	Pstree                    // pstree.img
	Sigact                    // sigacts-%u.img
	Unixsk                    // unixsk.img
	Inetsk                    // inetsk.img
	Packetsk                  // packetsk.img
	NetlinkSk                 // netlinksk.img
	SkQueues                  // sk-queues.img
	Itimers                   // itimers-%u.img
	PosixTimers               // posix-timers-%u.img
	Creds                     // creds-%u.img
	Utsns                     // utsns-%u.img
	IpcVar                    // ipcns-var-%u.img
	IpcnsShm                  // ipcns-shm-%u.img
	IpcnsMsg                  // ipcns-msg-%u.img
	IpcnsSem                  // ipcns-sem-%u.img
	Fs                        // fs-%u.img
	RemapFpath                // remap-fpath.img
	GhostFile                 // ghost-file-%x.img
	MemfdInode                // memfd.img
	TcpStream                 // tcp-stream-%x.img
	Mnts                      // mountpoints-%u.img
	Netdev                    // netdev-%u.img
	Netns                     // netns-%u.img
	Ifaddr                    // ifaddr-%u.img
	Route                     // route-%u.img
	Route6                    // route6-%u.img
	Rule                      // rule-%u.img
	Iptables                  // iptables-%u.img
	Ip6tables                 // ip6tables-%u.img
	Nftables                  // nftables-%u.img
	TmpfsImg                  // tmpfs-%u.tar.gz.img
	TmpfsDev                  // tmpfs-dev-%u.tar.gz.img
	Autofs                    // autofs-%u.img
	BinfmtMiscOld             // binfmt-misc-%u.img
	BinfmtMisc                // binfmt-misc.img
	TtyFiles                  // tty.img
	TtyInfo                   // tty-info.img
	TtyData                   // tty-data.img
	FileLocks                 // filelocks.img
	Rlimit                    // rlimit-%u.img
	Pages                     // pages-%u.img
	Signal                    // signal-s-%u.img
	Psignal                   // signal-p-%u.img
	Tunfile                   // tunfile.img
	Cgroup                    // cgroup.img
	Timerfd                   // timerfd.img
	Cpuinfo                   // cpuinfo.img
	Seccomp                   // seccomp.img
	Userns                    // userns-%u.img
	NetnfCt                   // netns-ct-%u.img
	NetnfExp                  // netns-exp-%u.img
	Files                     // files.img
	Timens                    // timens-%u.img
	Pidns                     // pidns-%u.img
	BpfmapFile                // bpfmap-file.img
	BpfmapData                // bpfmap-data.img
	Apparmor                  // apparmor.img
	Pidfd                     // pidfd.img
	StatsDump                 // stats-dump
	StatsRestore              // stats-restore
	IrmapCache                // irmap-cache
	Xstate                    // woodfrog-xstate-%u.img
	Traits                    // woodfrog-traits-%u.img
	Tags                      // woodfrog-tags-%u.img
	numKinds
)

// kinds holds names and magics as in criu/image-desc.c and criu/include/magic.h of CRIU 4.2, then those of our own, whose
// names begin with woodfrog- and whose magics with "WF".
var kinds = [numKinds]kindRow{
	Inventory:     {prefix: "inventory", suffix: ".img", magic: 0x58313116, entry: func() Message { return new(InventoryEntry) }},
	Fdinfo:        {prefix: "fdinfo-", base: 10, suffix: ".img", magic: 0x56213732, entry: func() Message { return new(FdinfoEntry) }},
	Pagemap:       {prefix: "pagemap-", base: 10, suffix: ".img", magic: 0x56084025, entry: func() Message { return new(PagemapHead) }, payload: payloadOther},
	ShmemPagemap:  {prefix: "pagemap-shmem-", base: 10, suffix: ".img", magic: 0x56084025, entry: func() Message { return new(PagemapHead) }, payload: payloadOther},
	RegFiles:      {prefix: "reg-files", suffix: ".img", magic: 0x50363636, entry: func() Message { return new(RegFileEntry) }},
	ExtFiles:      {prefix: "ext-files", suffix: ".img", magic: 0x59255641, entry: func() Message { return new(ExtFileEntry) }},
	NsFiles:       {prefix: "ns-files", suffix: ".img", magic: 0x61394011, entry: func() Message { return new(NsFileEntry) }},
	EventfdFile:   {prefix: "eventfd", suffix: ".img", magic: 0x44523722, entry: func() Message { return new(EventfdFileEntry) }},
	EventpollFile: {prefix: "eventpoll", suffix: ".img", magic: 0x45023858, entry: func() Message { return new(EventpollFileEntry) }},
	EventpollTfd:  {prefix: "eventpoll-tfd", suffix: ".img", magic: 0x44433746, entry: func() Message { return new(EventpollTfdEntry) }},
	Signalfd:      {prefix: "signalfd", suffix: ".img", magic: 0x57323820, entry: func() Message { return new(SignalfdEntry) }},
	InotifyFile:   {prefix: "inotify", suffix: ".img", magic: 0x48424431, entry: func() Message { return new(InotifyFileEntry) }},
	InotifyWd:     {prefix: "inotify-wd", suffix: ".img", magic: 0x54562009, entry: func() Message { return new(InotifyWdEntry) }},
	FanotifyFile:  {prefix: "fanotify", suffix: ".img", magic: 0x55096122, entry: func() Message { return new(FanotifyFileEntry) }},
	FanotifyMark:  {prefix: "fanotify-mark", suffix: ".img", magic: 0x56506035, entry: func() Message { return new(FanotifyMarkEntry) }},
	Core:          {prefix: "core-", base: 10, suffix: ".img", magic: 0x55053847, entry: func() Message { return new(CoreEntry) }},
	Ids:           {prefix: "ids-", base: 10, suffix: ".img", magic: 0x54432030, entry: func() Message { return new(TaskKobjIdsEntry) }},
	Mm:            {prefix: "mm-", base: 10, suffix: ".img", magic: 0x57492820, entry: func() Message { return new(MmEntry) }},
	Vmas:          {prefix: "vmas-", base: 10, suffix: ".img", magic: 0x54123737, entry: func() Message { return new(VmaEntry) }},
	Pipes:         {prefix: "pipes", suffix: ".img", magic: 0x56513555, entry: func() Message { return new(PipeEntry) }},
	PipesData:     {prefix: "pipes-data", suffix: ".img", magic: 0x56453709, entry: func() Message { return new(PipeDataEntry) }, payload: payloadSized},
	Fifo:          {prefix: "fifo", suffix: ".img", magic: 0x58364939, entry: func() Message { return new(FifoEntry) }},
	FifoData:      {prefix: "fifo-data", suffix: ".img", magic: 0x59333054, entry: func() Message { return new(PipeDataEntry) }, payload: payloadSized},
	Pstree:        {prefix: "pstree", suffix: ".img", magic: 0x50273030, entry: func() Message { return new(PstreeEntry) }},
	Sigact:        {prefix: "sigacts-", base: 10, suffix: ".img", magic: 0x55344201, entry: func() Message { return new(SaEntry) }},
	Unixsk:        {prefix: "unixsk", suffix: ".img", magic: 0x54373943, entry: func() Message { return new(UnixSkEntry) }},
	Inetsk:        {prefix: "inetsk", suffix: ".img", magic: 0x56443851, entry: func() Message { return new(InetSkEntry) }},
	Packetsk:      {prefix: "packetsk", suffix: ".img", magic: 0x60454618, entry: func() Message { return new(PacketSockEntry) }},
	NetlinkSk:     {prefix: "netlinksk", suffix: ".img", magic: 0x58005614, entry: func() Message { return new(NetlinkSkEntry) }},
	SkQueues:      {prefix: "sk-queues", suffix: ".img", magic: 0x56264026, entry: func() Message { return new(SkPacketEntry) }, payload: payloadSized},
	Itimers:       {prefix: "itimers-", base: 10, suffix: ".img", magic: 0x57464056, entry: func() Message { return new(ItimerEntry) }},
	PosixTimers:   {prefix: "posix-timers-", base: 10, suffix: ".img", magic: 0x52603957, entry: func() Message { return new(PosixTimerEntry) }},
	Creds:         {prefix: "creds-", base: 10, suffix: ".img", magic: 0x54023547, entry: func() Message { return new(CredsEntry) }},
	Utsns:         {prefix: "utsns-", base: 10, suffix: ".img", magic: 0x54473203, entry: func() Message { return new(UtsnsEntry) }},
	IpcVar:        {prefix: "ipcns-var-", base: 10, suffix: ".img", magic: 0x53115007, entry: func() Message { return new(IpcVarEntry) }},
	IpcnsShm:      {prefix: "ipcns-shm-", base: 10, suffix: ".img", magic: 0x46283044, entry: func() Message { return new(IpcShmEntry) }, payload: payloadSized},
	IpcnsMsg:      {prefix: "ipcns-msg-", base: 10, suffix: ".img", magic: 0x55453737, entry: func() Message { return new(IpcMsgEntry) }, payload: payloadOther},
	IpcnsSem:      {prefix: "ipcns-sem-", base: 10, suffix: ".img", magic: 0x59573019, entry: func() Message { return new(IpcSemEntry) }, payload: payloadSized},
	Fs:            {prefix: "fs-", base: 10, suffix: ".img", magic: 0x51403912, entry: func() Message { return new(FsEntry) }},
	RemapFpath:    {prefix: "remap-fpath", suffix: ".img", magic: 0x59133954, entry: func() Message { return new(RemapFilePathEntry) }},
	GhostFile:     {prefix: "ghost-file-", base: 16, suffix: ".img", magic: 0x52583605, entry: func() Message { return new(GhostFileEntry) }, payload: payloadRest},
	MemfdInode:    {prefix: "memfd", suffix: ".img", magic: 0x48453499, entry: func() Message { return new(MemfdInodeEntry) }},
	TcpStream:     {prefix: "tcp-stream-", base: 16, suffix: ".img", magic: 0x51465506, entry: func() Message { return new(TcpStreamEntry) }, payload: payloadSized},
	Mnts:          {prefix: "mountpoints-", base: 10, suffix: ".img", magic: 0x55563928, entry: func() Message { return new(MntEntry) }},
	Netdev:        {prefix: "netdev-", base: 10, suffix: ".img", magic: 0x57373951, entry: func() Message { return new(NetDeviceEntry) }},
	Netns:         {prefix: "netns-", base: 10, suffix: ".img", magic: 0x55933752, entry: func() Message { return new(NetnsEntry) }},
	Ifaddr:        {prefix: "ifaddr-", base: 10, suffix: ".img"},
	Route:         {prefix: "route-", base: 10, suffix: ".img"},
	Route6:        {prefix: "route6-", base: 10, suffix: ".img"},
	Rule:          {prefix: "rule-", base: 10, suffix: ".img"},
	Iptables:      {prefix: "iptables-", base: 10, suffix: ".img"},
	Ip6tables:     {prefix: "ip6tables-", base: 10, suffix: ".img"},
	Nftables:      {prefix: "nftables-", base: 10, suffix: ".img"},
	TmpfsImg:      {prefix: "tmpfs-", base: 10, suffix: ".tar.gz.img"},
	TmpfsDev:      {prefix: "tmpfs-dev-", base: 10, suffix: ".tar.gz.img"},
	Autofs:        {prefix: "autofs-", base: 10, suffix: ".img", magic: 0x49353943, entry: func() Message { return new(AutofsEntry) }},
	BinfmtMiscOld: {prefix: "binfmt-misc-", base: 10, suffix: ".img", magic: 0x67343323, entry: func() Message { return new(BinfmtMiscEntry) }},
	BinfmtMisc:    {prefix: "binfmt-misc", suffix: ".img", magic: 0x67343323, entry: func() Message { return new(BinfmtMiscEntry) }},
	TtyFiles:      {prefix: "tty", suffix: ".img", magic: 0x59433025, entry: func() Message { return new(TtyFileEntry) }},
	TtyInfo:       {prefix: "tty-info", suffix: ".img", magic: 0x59453036, entry: func() Message { return new(TtyInfoEntry) }},
	TtyData:       {prefix: "tty-data", suffix: ".img", magic: 0x59413026, entry: func() Message { return new(TtyDataEntry) }},
	FileLocks:     {prefix: "filelocks", suffix: ".img", magic: 0x54323616, entry: func() Message { return new(FileLockEntry) }},
	Rlimit:        {prefix: "rlimit-", base: 10, suffix: ".img", magic: 0x57113925, entry: func() Message { return new(RlimitEntry) }},
	Pages:         {prefix: "pages-", base: 10, suffix: ".img"},
	Signal:        {prefix: "signal-s-", base: 10, suffix: ".img", magic: 0x59255647, entry: func() Message { return new(SiginfoEntry) }},
	Psignal:       {prefix: "signal-p-", base: 10, suffix: ".img", magic: 0x59255647, entry: func() Message { return new(SiginfoEntry) }},
	Tunfile:       {prefix: "tunfile", suffix: ".img", magic: 0x57143751, entry: func() Message { return new(TunfileEntry) }},
	Cgroup:        {prefix: "cgroup", suffix: ".img", magic: 0x59383330, entry: func() Message { return new(CgroupEntry) }},
	Timerfd:       {prefix: "timerfd", suffix: ".img", magic: 0x50493712, entry: func() Message { return new(TimerfdEntry) }},
	Cpuinfo:       {prefix: "cpuinfo", suffix: ".img", magic: 0x61404013, entry: func() Message { return new(CpuinfoEntry) }},
	Seccomp:       {prefix: "seccomp", suffix: ".img", magic: 0x64413049, entry: func() Message { return new(SeccompEntry) }},
	Userns:        {prefix: "userns-", base: 10, suffix: ".img", magic: 0x55474906, entry: func() Message { return new(UsernsEntry) }},
	NetnfCt:       {prefix: "netns-ct-", base: 10, suffix: ".img"},
	NetnfExp:      {prefix: "netns-exp-", base: 10, suffix: ".img"},
	Files:         {prefix: "files", suffix: ".img", magic: 0x56303138, entry: func() Message { return new(FileEntry) }},
	Timens:        {prefix: "timens-", base: 10, suffix: ".img", magic: 0x43114433, entry: func() Message { return new(TimensEntry) }},
	Pidns:         {prefix: "pidns-", base: 10, suffix: ".img", magic: 0x61157326, entry: func() Message { return new(PidnsEntry) }},
	BpfmapFile:    {prefix: "bpfmap-file", suffix: ".img", magic: 0x57506142, entry: func() Message { return new(BpfmapFileEntry) }},
	BpfmapData:    {prefix: "bpfmap-data", suffix: ".img", magic: 0x64324033, entry: func() Message { return new(BpfmapDataEntry) }, payload: payloadSized},
	Apparmor:      {prefix: "apparmor", suffix: ".img", magic: 0x59423047, entry: func() Message { return new(ApparmorEntry) }},
	Pidfd:         {prefix: "pidfd", suffix: ".img", magic: 0x54435556, entry: func() Message { return new(PidfdEntry) }},
	StatsDump:     {prefix: "stats-dump", magic: 0x57093306, service: true, entry: func() Message { return new(StatsEntry) }},
	StatsRestore:  {prefix: "stats-restore", magic: 0x57093306, service: true, entry: func() Message { return new(StatsEntry) }},
	IrmapCache:    {prefix: "irmap-cache", magic: 0x57004059, service: true, entry: func() Message { return new(IrmapCacheEntry) }},
	Xstate:        {prefix: "woodfrog-xstate-", base: 10, suffix: ".img", magic: 0x57460001, sealed: true, entry: func() Message { return new(XstateEntry) }},
	Traits:        {prefix: "woodfrog-traits-", base: 10, suffix: ".img", magic: 0x57460002, sealed: true, entry: func() Message { return new(TraitsEntry) }},
	Tags:          {prefix: "woodfrog-tags-", base: 10, suffix: ".img", magic: 0x57460003, sealed: true, entry: func() Message { return new(TagsEntry) }},
}
