"""The content backend that is an IPFS daemon (Kubo), by way of its RPC API."""
