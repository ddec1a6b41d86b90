"""What IPFS is made of: identifiers, blocks, trees of blocks, and bitswap's messages.

Everything here is a pure function of bytes: no files, no clock, no sockets, no threads. All bytes may come
from strangers, so everything that is read is checked. The modules, from the bottom up:

- `limits`: how large blocks and trees may be, and the budget that is spent while a tree is read;
- `protobuf`: Protocol Buffers, the encoding of almost everything else;
- `cid`: content identifiers;
- `path`: an identifier with names below it;
- `murmur`: the hash that places names in large directories;
- `dagpb`: blocks with links (nodes);
- `unixfs`: what a node's data says of a file or directory;
- `hamt`: large directories, which are spread over many blocks;
- `reader`: what one block means;
- `importer`: makes blocks of files and directories;
- `subtree`: what is known of a part of a tree while the rest is on its way;
- `walk`: which blocks a tree needs, in any order of arrival;
- `visit`: the entries of a tree, one after the other;
- `links`: where the symbolic links of a tree lead;
- `bitswap`: the messages in which peers ask for blocks and send them.
"""
