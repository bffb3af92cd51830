package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const napTime = 6 * time.Second

// nap is a workload of the guest's own: it makes one nanosleep, which has to end in time however often it is frozen on the way.
func nap() {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	start := time.Now()
	request := syscall.NsecToTimespec(int64(napTime))
	err := syscall.Nanosleep(&request, nil)
	switch took := time.Since(start); {
	case err != nil:
		fmt.Println("FAIL: nanosleep:", err)
	case took < napTime || took > napTime+napTime/4:
		fmt.Println("FAIL: nanosleep took", took)
	default:
		fmt.Println("PASS")
		return
	}
	os.Exit(1)
}
