package arch

// Backend is what the engine drives tasks with: the ABIs that tasks of this kernel can have.
type Backend struct {
	ABIs []*ABI // the first is the ABI of the engine itself
}

// Native is the ABI that the engine itself was built for.
func (b *Backend) Native() *ABI { return b.ABIs[0] }
