package arch

// What an interrupted system call returns inside the kernel (include/linux/errno.h).
const (
	erestartsys          = -512
	erestartnointr       = -513
	erestartnohand       = -514
	erestartRestartblock = -516
)

// Restart says what becomes of a system call whose result inside the kernel is result, by the rules that all kernels share
// (kernel/signal.c and each architecture's, for instance arch_do_signal_or_restart): it is made again, or it ends in EINTR, or
// neither, as it was not interrupted. The restart block stays with the kernel: what would need it ends in EINTR.
func Restart(result int64, first Handler) (again, eintr bool) {
	switch result {
	case erestartnointr:
		again = true
	case erestartsys:
		again = first != Interrupts
	case erestartnohand:
		again = first == NoHandler
	case erestartRestartblock:
	default:
		return false, false
	}
	return again, !again
}
