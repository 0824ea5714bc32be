"""Exit statuses of every process (after sysexits.h), and which one an error that ends a process deserves."""

import errno
from enum import IntEnum

from domain.errors import ConfigurationError, LinkError, StorageError


class Exit(IntEnum):
    """How a process ended."""

    OK = 0
    USAGE = 64
    PARK = 65
    """A park's files have faults."""
    UNAVAILABLE = 69
    """A broker, a port or a service is not to be had."""
    CRASH = 70
    """A bug."""
    CANNOT_WRITE = 73
    """Disk full, or a folder that is not writable."""
    PERMISSION = 77
    """Wrong password, or not allowed."""
    CONFIGURATION = 78
    """A service's settings are wrong."""


SETTINGS_KINDS = frozenset({"setting", "settings-file", "unreadable-key", "unreadable-secret"})
"""Kinds of fault that lie in a service's settings; all others lie in the park's files."""

_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG})


class AccessRefused(LinkError):
    """The peer is there and does not let us in: a password or a certificate is wrong."""


def exit_of(error: BaseException) -> Exit:
    """Return the status for a process that `error` has ended."""
    match error:
        case ConfigurationError(faults=faults):
            in_settings = all(fault.kind in SETTINGS_KINDS for fault in faults)
            return Exit.CONFIGURATION if in_settings else Exit.PARK
        case AccessRefused():
            return Exit.PERMISSION
        case LinkError():
            return Exit.UNAVAILABLE
        case StorageError():
            return Exit.CANNOT_WRITE
        case OSError(errno=errno.EADDRINUSE | errno.EADDRNOTAVAIL):
            return Exit.UNAVAILABLE
        case OSError(errno=number) if number in _CANNOT_WRITE:
            return Exit.CANNOT_WRITE
        case _:
            return Exit.CRASH
