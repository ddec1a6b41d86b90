"""What IPFS is made of, without files, clocks or sockets: identifiers, blocks, trees of them, and bitswap."""
