package programs

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// A daemon as daemons are made, by setsid and a second fork: the leader of its session has ended, and the subreaper above has waited for it.
const daemon = `
use strict; use POSIX; $| = 1;
my ($prctl, $getsid) = @ARGV;
syscall($prctl, 36, 1, 0, 0, 0) == 0 or die "subreaper: $!";
pipe(my $r, my $w) or die;
if (!fork()) {
	POSIX::setsid();
	if (!fork()) { print $w "$$\n"; close $w; close $r; sleep 1000 while 1 }
	POSIX::_exit(0);
}
close $w;
my $leader = wait;
chomp(my $daemon = <$r>);
close $r;
my $stop = 0; $SIG{TERM} = sub { $stop = 1 };
print "ready\n";
until ($stop) { select(undef, undef, undef, 0.01) }
my $sid = syscall($getsid, $daemon + 0);
my $pgid = getpgrp($daemon);
kill 9, $daemon; wait;
print $sid == $leader && $pgid == $leader ? "PASS\n" : "FAIL: session $sid and not $leader\n";
`

func TestDaemon(t *testing.T) {
	prepare(t)
	w := testenv.Program(t, "perl", "-e", daemon, strconv.Itoa(unix.SYS_PRCTL), strconv.Itoa(unix.SYS_GETSID))
	again(t, w)
	w.Check()
}
