package programs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// A tree of chance: sessions and process groups, leaders that died, orphans below subreapers, zombies.
const crowd = `
use strict; use POSIX; srand($ARGV[0]); my $subreaper = 36;
sub live {
	my ($depth) = @_;
	for (1 .. int(rand(4))) {
		my $seed = int(rand(1e9));
		my $child = fork();
		if (!$child) {
			srand($seed);
			for (1 .. int(rand(3))) {
				my $what = int(rand(4));
				POSIX::setsid() if $what == 0;
				POSIX::setpgid(0, 0) if $what == 1;
				syscall(157, $subreaper, 1, 0, 0, 0) if $what == 2;
				POSIX::setpgid(0, getppid()) if $what == 3;
			}
			live($depth + 1) if $depth < 3;
			POSIX::_exit(int(rand(256))) if rand() < 0.35;
			kill 9, $$ if rand() < 0.1;
			sleep 1000 while 1;
		}
	}
}
$| = 1;
syscall(157, $subreaper, 1, 0, 0, 0);
my $stop = 0; $SIG{TERM} = sub { $stop = 1 };
live(0);
print "ready\n";
until ($stop) { select(undef, undef, undef, 0.01) }
print "PASS\n";
`

func TestCrowd(t *testing.T) {
	for seed := range 10 {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			prepare(t)
			w := testenv.Program(t, "perl", "-e", crowd, strconv.Itoa(seed))
			before := grown(t, w)
			for range 2 {
				images := t.TempDir()
				_, err := core.Dump(context.Background(), host.Backend(), w.PID, core.Options{ImagesDir: images})
				require.NoError(t, err, before)
				w.Gone()
				_, err = core.Restore(context.Background(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true})
				require.NoError(t, err, before)
				require.Equal(t, before, family(t, w))
			}
		})
	}
}

// grown waits until nobody is born or dies any more.
func grown(t *testing.T, w *testenv.Workload) string {
	t.Helper()
	const still = 300 * time.Millisecond
	last, since := family(t, w), time.Now()
	for time.Since(since) < still {
		time.Sleep(still / 10)
		if now := family(t, w); now != last {
			last, since = now, time.Now()
		}
	}
	return last
}

// family is a line for each task: its number, its relatives, and how it ended.
func family(t *testing.T, w *testenv.Workload) string {
	t.Helper()
	var all strings.Builder
	for _, pid := range w.Tasks() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		state := "lives"
		if f[0] == "Z" {
			state = "exit code " + f[len(f)-1]
		}
		parent := f[1]
		if pid == w.PID {
			parent = "-" // the program that started it, or the one that restored it
		}
		fmt.Fprintf(&all, "%d: parent %s group %s session %s: %s\n", pid, parent, f[2], f[3], state)
	}
	return all.String()
}
