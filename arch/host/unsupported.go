//go:build !(linux && (amd64 || arm64 || arm || ppc64le))

package host

// The build for a target without a backend ends here; the undeclared name is the message.
var _ = woodfrog_has_no_backend_for_this_GOOS_and_GOARCH
