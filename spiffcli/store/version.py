"""The number of the layout of stores, apart from everything, since whoever reads it may need nothing else."""

from __future__ import annotations

#: Version of the layout of every store; a newer one is refused, an older one migrated on open.
FORMAT = 1
