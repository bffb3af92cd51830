package main

import (
	"woodfrog/internal/linux"
)

func ownerUsers(fd int) (uid, euid uint32) {
	uid, euid, err := linux.GetOwnerUIDs(fd)
	must(err, "F_GETOWNER_UIDS")
	return uid, euid
}
