module woodfrog

go 1.26.0

require golang.org/x/sys v0.49.0

require github.com/magefile/mage v1.17.2 // indirect

tool github.com/magefile/mage
