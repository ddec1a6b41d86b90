"""Where interpreters come from: a directory, or a tree in IPFS."""
