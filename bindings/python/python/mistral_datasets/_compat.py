"""Names for annotations that old versions of Python do not have. There, they are `Any` in evaluated annotations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    Buffer = Any

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack
elif sys.version_info >= (3, 11):
    from typing import Self, Unpack
else:
    Self = Any

    class Unpack:
        """Replaces `typing.Unpack`."""

        def __class_getitem__(cls, item: object) -> object:
            return Any


__all__ = ["Buffer", "Self", "Unpack"]
