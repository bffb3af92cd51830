module woodfrog

go 1.26.0

require (
	github.com/checkpoint-restore/go-criu/v8 v8.3.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/arch v0.32.0
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/magefile/mage v1.17.2 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

tool github.com/magefile/mage
