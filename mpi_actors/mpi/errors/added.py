"""What error codes mean, and the classes and codes that a program adds.

Each error code belongs to an error class; the predefined codes are the classes themselves. A program may add
classes and codes (MPI 4.1, section 9.5). They get the numbers after `ERR_LASTCODE`.
"""

from __future__ import annotations

from . import classes
from .classes import ERR_LASTCODE, ERR_UNKNOWN

_TEXTS = {
    "SUCCESS": "no error",
    "ERR_BUFFER": "invalid buffer",
    "ERR_COUNT": "invalid count",
    "ERR_TYPE": "invalid datatype",
    "ERR_TAG": "invalid tag",
    "ERR_COMM": "invalid communicator",
    "ERR_RANK": "invalid rank",
    "ERR_REQUEST": "invalid request",
    "ERR_ROOT": "invalid root",
    "ERR_GROUP": "invalid group",
    "ERR_OP": "invalid reduce operation",
    "ERR_TOPOLOGY": "invalid communicator topology",
    "ERR_DIMS": "invalid topology dimensions",
    "ERR_ARG": "invalid argument",
    "ERR_UNKNOWN": "unknown error",
    "ERR_TRUNCATE": "message truncated on receive",
    "ERR_OTHER": "known error that is not in this list",
    "ERR_INTERN": "internal error of the library",
    "ERR_PENDING": "pending request",
    "ERR_IN_STATUS": "see the error codes in the statuses",
    "ERR_ACCESS": "permission denied",
    "ERR_AMODE": "invalid mode of access to a file",
    "ERR_ASSERT": "invalid assertion",
    "ERR_BAD_FILE": "invalid file name",
    "ERR_BASE": "invalid base of a memory area",
    "ERR_CONVERSION": "a data conversion function failed",
    "ERR_DISP": "invalid displacement",
    "ERR_DUP_DATAREP": "data representation is already registered",
    "ERR_FILE_EXISTS": "file exists",
    "ERR_FILE_IN_USE": "file is in use",
    "ERR_FILE": "invalid file handle",
    "ERR_INFO_KEY": "info key is longer than MAX_INFO_KEY",
    "ERR_INFO_NOKEY": "info key is not defined",
    "ERR_INFO_VALUE": "info value is longer than MAX_INFO_VAL",
    "ERR_INFO": "invalid info object",
    "ERR_IO": "input or output failed",
    "ERR_KEYVAL": "invalid attribute key",
    "ERR_LOCKTYPE": "invalid type of lock",
    "ERR_NAME": "service name is not published",
    "ERR_NO_MEM": "out of memory",
    "ERR_NOT_SAME": "collective argument differs between processes",
    "ERR_NO_SPACE": "not enough space",
    "ERR_NO_SUCH_FILE": "no such file",
    "ERR_PORT": "invalid port name",
    "ERR_QUOTA": "quota exceeded",
    "ERR_READ_ONLY": "read-only file or file system",
    "ERR_RMA_CONFLICT": "conflicting accesses to a window",
    "ERR_RMA_SYNC": "wrong synchronization of accesses to a window",
    "ERR_SERVICE": "invalid service name",
    "ERR_SIZE": "invalid size",
    "ERR_SPAWN": "processes could not be spawned",
    "ERR_UNSUPPORTED_DATAREP": "data representation is not supported",
    "ERR_UNSUPPORTED_OPERATION": "operation is not supported",
    "ERR_WIN": "invalid window",
    "ERR_RMA_RANGE": "target memory is not part of the window",
    "ERR_RMA_ATTACH": "memory cannot be attached",
    "ERR_RMA_SHARED": "memory cannot be shared",
    "ERR_RMA_FLAVOR": "wrong flavor of window",
    "ERR_SESSION": "invalid session",
    "ERR_PROC_ABORTED": "a process has been aborted",
    "ERR_VALUE_TOO_LARGE": "value is too large to be stored",
    "ERR_ERRHANDLER": "invalid error handler",
    "ERR_ABI": "wrong binary interface",
    "ERR_REVOKED": "communication object has been revoked",
    "ERR_PROC_FAILED": "a process has failed",
    "ERR_PROC_FAILED_PENDING": "a process has failed, the operation is pending",
}

NAMES: dict[int, str] = {getattr(classes, name): name for name in _TEXTS}
"""The names of the predefined codes."""


class AddedCodes:
    """Classes and codes that the program has added.

    Attributes:
        last_used: the highest number in use, which is the value of the attribute LASTUSEDCODE.
    """

    def __init__(self) -> None:
        self.last_used = ERR_LASTCODE
        self._classes: dict[int, int] = {}
        self._texts: dict[int, str] = {}

    def error_class(self, code: int) -> int:
        """Return the class of a code: ERR_UNKNOWN for a code that nobody has defined."""
        if code in NAMES:
            return code
        return self._classes.get(code, ERR_LASTCODE if code == ERR_LASTCODE else ERR_UNKNOWN)

    def text(self, code: int) -> str:
        """Return what a code means, for people. An added code without a string has an empty text."""
        if code in self._classes:
            return self._texts.get(code, "")
        if code == ERR_LASTCODE:
            return "last error code"
        name = NAMES.get(code, "ERR_UNKNOWN")
        return f"MPI_{name}: {_TEXTS[name]}"

    def add_class(self) -> int:
        """Add a class, and return it. It is also a code of itself."""
        self.last_used += 1
        self._classes[self.last_used] = self.last_used
        return self.last_used

    def add_code(self, error_class: int) -> int:
        """Add a code of a class, predefined or added, and return the code.

        Raises:
            ValueError: there is no such class.
        """
        if error_class not in NAMES and self._classes.get(error_class) != error_class:
            raise ValueError(f"{error_class} is not an error class")
        self.last_used += 1
        self._classes[self.last_used] = error_class
        return self.last_used

    def add_text(self, code: int, text: str) -> None:
        """Set the string of an added class or code.

        Raises:
            ValueError: the program has not added this class or code.
        """
        if code not in self._classes:
            raise ValueError(f"{code} has not been added")
        self._texts[code] = text

    def remove_text(self, code: int) -> None:
        """Remove the string of an added class or code.

        Raises:
            ValueError: the class or code has no string that the program added.
        """
        if code not in self._texts:
            raise ValueError(f"{code} has no string that was added")
        del self._texts[code]

    def remove_class(self, code: int) -> None:
        """Remove an added class.

        Raises:
            ValueError: the program has not added this class, or the class still has codes or a string.
        """
        if self._classes.get(code) != code:
            raise ValueError(f"{code} is not an added class")
        if code in self._texts or list(self._classes.values()).count(code) > 1:
            raise ValueError(f"class {code} still has a string or codes")
        self._forget(code)

    def remove_code(self, code: int) -> None:
        """Remove an added code.

        Raises:
            ValueError: the program has not added this code, or the code still has a string.
        """
        if self._classes.get(code, code) == code:
            raise ValueError(f"{code} is not an added code")
        if code in self._texts:
            raise ValueError(f"code {code} still has a string")
        self._forget(code)

    def _forget(self, code: int) -> None:
        del self._classes[code]
        self.last_used = max(self._classes, default=ERR_LASTCODE)


added = AddedCodes()
"""The added classes and codes of this process."""
