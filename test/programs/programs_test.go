// Package programs holds tests only: of real programs, written by others, that are busy while they are dumped and restored again and again. What
// they print has to be what they would have printed if left alone.
package programs

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const cycles = 20

// again dumps and restores w over and over, at moments of chance.
func again(t *testing.T, w *testenv.Workload) {
	t.Helper()
	for i := range cycles {
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
		images := t.TempDir()
		_, err := core.Dump(context.Background(), host.Backend(), w.PID, core.Options{ImagesDir: images})
		require.NoError(t, err, "dump %d", i)
		w.Gone()
		_, err = core.Restore(context.Background(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true})
		require.NoError(t, err, "restore %d", i)
	}
}

func prepare(t *testing.T) {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
}

// A shell loop whose children come and go: some dumps meet a vfork, an exec or an exit.
const shell = `
trap 'stop=1' TERM
echo ready
i=0
while [ -z "$stop" ]; do
	i=$((i + 1))
	double=$(echo $i | sed 's/$/ */' | (read a op; echo $((a + a))))
	[ "$double" = $((i * 2)) ] || { echo "FAIL: twice $i: $double"; exit 1; }
	(exit 7)
	[ $? = 7 ] || { echo "FAIL: status $?"; exit 1; }
done
echo PASS
`

func TestDash(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "dash", "-c", shell)
	again(t, w)
	w.Check()
}

// deepShell is the same at the low end of a stack that has grown.
const deepShell = `
deep() {
	if [ $1 -gt 0 ]; then
		deep $(($1 - 1))
		return
	fi` + shell + `
}
deep 900
`

func TestDeepDash(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "dash", "-c", deepShell)
	again(t, w)
	w.Check()
}

// Threads that wait for one another, for the clock and for a signal.
const python = `
import hashlib, queue, signal, sys, threading, time
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
jobs, results = queue.Queue(8), queue.Queue(8)
def work():
    while (n := jobs.get()) is not None:
        results.put((n, hashlib.sha256(b"%d" % n).hexdigest()))
def tick():
    global ticks
    while not stop.is_set():
        time.sleep(0.001)
        ticks += 1
ticks = 0
threads = [threading.Thread(target=f) for f in [work] * 6 + [tick]]
for t in threads: t.start()
print("ready", flush=True)
n, sums = 0, {}
while not stop.is_set():
    for i in range(n, n + 8): jobs.put(i)
    for _ in range(8): sums.update([results.get()])
    n += 8
for _ in range(6): jobs.put(None)
for t in threads: t.join()
ok = len(sums) == n and ticks and all(hashlib.sha256(b"%d" % i).hexdigest() == sums[i] for i in range(n))
print("PASS" if ok else "FAIL: %d of %d, %d ticks" % (len(sums), n, ticks), flush=True)
`

func TestPython(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "python3", "-c", python)
	again(t, w)
	w.Check()
}

// A child at the other end of two pipes, an interval timer, memory that grows and is sorted.
const perl = `
use strict; use warnings; use Time::HiRes qw(setitimer ITIMER_REAL);
$| = 1;
my ($stop, $alarms) = (0, 0);
$SIG{TERM} = sub { $stop = 1 };
$SIG{ALRM} = sub { $alarms++ };
pipe(my $r1, my $w1); pipe(my $r2, my $w2);
my $child = fork();
if (!$child) {
	close $w1; close $r2; $SIG{TERM} = "IGNORE";
	$w2->autoflush(1);
	while (my $line = <$r1>) { chomp $line; print $w2 scalar(reverse $line), "\n" }
	exit 5;
}
close $r1; close $w2; $w1->autoflush(1);
setitimer(ITIMER_REAL, 0.002, 0.002);
print "ready\n";
my ($n, @all) = (0);
until ($stop) {
	my $text = "line " . ++$n;
	print $w1 "$text\n";
	my $back = <$r2>; chomp $back;
	if ($back ne reverse $text) { print "FAIL: $text: $back\n"; exit 1 }
	push @all, $n;
}
close $w1; waitpid($child, 0);
my @sorted = sort { $b <=> $a } @all;
my $ok = $? == 5 << 8 && @sorted == $n && $sorted[0] == $n && $sorted[-1] == 1 && $alarms > 0;
print $ok ? "PASS\n" : "FAIL: child $?, $n lines, $alarms alarms\n";
`

// What is written is not executed from here on: a promise that the kernel keeps.
const refusesGain = `
$| = 1;
my $prctl = shift;
my ($set, $get) = (65, 66); # PR_SET_MDWE, PR_GET_MDWE
$SIG{TERM} = sub { my $bits = syscall($prctl, $get, 0, 0, 0, 0); print $bits == 1 ? "PASS\n" : "FAIL: $bits\n"; exit };
syscall($prctl, $set, 1, 0, 0, 0) == 0 or die "prctl: $!";
print "ready\n";
sleep 1 while 1;
`

func TestRefusesExecGain(t *testing.T) {
	prepare(t)
	testenv.Needs(t, testenv.MDWE)
	w := testenv.Program(t, "perl", "-e", refusesGain, strconv.Itoa(unix.SYS_PRCTL))
	again(t, w)
	w.Check()
}

// What is locked as it is touched has pages of its stack that are not there yet.
const locksOnFault = `
$| = 1;
my ($mlockall, $flags) = @ARGV;
syscall($mlockall, $flags + 0) == 0 or die "mlockall: $!";
my $stop = 0; $SIG{TERM} = sub { $stop = 1 };
print "ready\n";
until ($stop) { select(undef, undef, undef, 0.01) }
open(my $maps, "<", "/proc/self/smaps") or die;
my ($stack, $locked);
while (<$maps>) { $stack = /\[stack\]/ if /^[0-9a-f]+-/; $locked = 1 if $stack && /^VmFlags:.* lo.* lf/ }
print $locked ? "PASS\n" : "FAIL: the stack is not locked any more\n";
`

func TestLocksOnFault(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "perl", "-e", locksOnFault, strconv.Itoa(unix.SYS_MLOCKALL), strconv.Itoa(unix.MCL_CURRENT|unix.MCL_ONFAULT))
	again(t, w)
	w.Check()
}

func TestPerl(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "perl", "-e", perl)
	again(t, w)
	w.Check()
}

// It says PASS when the compressor has ended by itself.
const compress = `
trap '' TERM
echo ready
xz -9e -T2 --block-size=1MiB -c plain >again.xz || { echo "FAIL: status $?"; exit 1; }
cmp again.xz once.xz && echo PASS || echo "FAIL: other bytes"
`

func TestXz(t *testing.T) {
	prepare(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, text(6<<20), 0o600))
	once, err := exec.Command(testenv.Path(t, "xz"), "-9e", "-T2", "--block-size=1MiB", "-c", plain).Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "once.xz"), once, 0o600))
	w := testenv.Program(t, "dash", "-c", "cd "+dir+"\n"+compress)
	again(t, w)
	_, err = os.Stat(filepath.Join(dir, "again.xz"))
	require.NoError(t, err)
	w.Check()
}

// text is n bytes that a compressor has work with: words of chance out of a few.
func text(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 5000)
	for i := range words {
		words[i] = make([]byte, 2+rnd.IntN(9))
		for k := range words[i] {
			words[i][k] = byte('a' + rnd.IntN(26))
		}
	}
	var b bytes.Buffer
	for b.Len() < n {
		b.Write(words[rnd.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.Bytes()[:n]
}

func TestGoroutines(t *testing.T) { testenv.Each(t, testGoroutines) }

func testGoroutines(t *testing.T) {
	prepare(t)
	w := testenv.Goroutines(t)
	again(t, w)
	w.Check()
}

// A periodic timer that has expired most of the time, and starts again when its pending signal is taken.
const alarm = `
import signal, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
print("ready", flush=True)
while not stop:
    signal.sigtimedwait({signal.SIGALRM}, 1)
    time.sleep(0.01)
ticks = [signal.sigtimedwait({signal.SIGALRM}, 5) for _ in range(3)]
print("PASS" if all(ticks) else "FAIL: the timer has stopped")
`

func TestExpiredTimer(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "python3", "-c", alarm)
	again(t, w)
	w.Check()
}

// A call of sleep ends with the restore, and then its program ends all threads at once, some before they have been let go.
const exits = `
import ctypes, os, threading, time
for _ in range(60): threading.Thread(target=time.sleep, args=(1000,)).start()
print("ready", flush=True)
ctypes.CDLL(None).sleep(1000)
os._exit(0)
`

func TestExitAtOnce(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "python3", "-c", exits)
	images := t.TempDir()
	_, err := core.Dump(context.Background(), host.Backend(), w.PID, core.Options{ImagesDir: images})
	require.NoError(t, err)
	w.Gone()
	_, err = core.Restore(context.Background(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true})
	require.NoError(t, err)
	w.Gone()
}
