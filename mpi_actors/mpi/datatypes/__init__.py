"""Datatypes and buffers: what messages consist of, and how programs describe them.

The package knows memory, and what programs write to describe it; it may not know communicators or messages
under way. From the bottom up:

- `layout`: where the bytes of an item are, as runs and loops;
- `packing`: copies between the bytes of a layout and contiguous bytes;
- `distribution`: the layouts of subarrays and distributed arrays;
- `memory`: addresses, and memory at an address;
- `exports`: safe ways for others to look at the memory of a view;
- `protocol`: the buffer protocol for classes written in Python;
- `sentinels`: MPI.BOTTOM, MPI.IN_PLACE and MPI.BUFFER_AUTOMATIC;
- `dlpack`: the contents of a DLPack capsule;
- `interfaces`: DLPack and the CUDA array interface;
- `acquire`: the memory of buffers of all kinds;
- `buffer`: MPI.buffer, and addresses;
- `codes`: names of basic types in struct, array and numpy;
- `definition`: what datatype handles refer to;
- `registry`: tables of the predefined datatypes;
- `contents`: how a datatype was made, for Get_envelope and Get_contents;
- `fortran`: Fortran types by what they can hold;
- `external32`: the representation that is the same on all machines;
- `constructors`, `packers`: methods of the class Datatype;
- `datatype`: the class Datatype;
- `predefined`: the datatypes that have a name;
- `counting`: how many items a number of received bytes is;
- `message`: parsed messages;
- `specs`: parses what programs pass to communicate;
- `vector_specs`: the same for messages of several blocks.
"""

from .buffer import Aint_add as Aint_add
from .buffer import Aint_diff as Aint_diff
from .buffer import Alloc_mem as Alloc_mem
from .buffer import Free_mem as Free_mem
from .buffer import Get_address as Get_address
from .buffer import buffer as buffer
from .counting import bytes_of as bytes_of
from .counting import count as count
from .counting import elements as elements
from .datatype import DATATYPE_NULL as DATATYPE_NULL
from .datatype import Datatype as Datatype
from .datatype import _datatype_create as _datatype_create
from .datatype import _datatype_decode as _datatype_decode
from .datatype import _typealign as _typealign
from .datatype import _typecode as _typecode
from .message import BufferMessage as BufferMessage
from .message import VMessage as VMessage
from .message import WMessage as WMessage
from .predefined import NAMED as NAMED
from .predefined import _typedict as _typedict
from .predefined import _typedict_c as _typedict_c
from .predefined import _typedict_f as _typedict_f
from .sentinels import BOTTOM as BOTTOM
from .sentinels import BUFFER_AUTOMATIC as BUFFER_AUTOMATIC
from .sentinels import IN_PLACE as IN_PLACE
from .sentinels import BottomType as BottomType
from .sentinels import BufferAutomaticType as BufferAutomaticType
from .sentinels import InPlaceType as InPlaceType
from .specs import fast_target as fast_target
from .specs import fast_view as fast_view
from .specs import parse_recv as parse_recv
from .specs import parse_send as parse_send
from .vector_specs import parse_recv_v as parse_recv_v
from .vector_specs import parse_recv_w as parse_recv_w
from .vector_specs import parse_send_v as parse_send_v
from .vector_specs import parse_send_w as parse_send_w

memory = buffer
"""The former name of `buffer`."""
