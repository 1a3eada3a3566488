"""Raw files and databases -> checked tables.

``prepare`` walks the whole way once per client and keeps the result by the content of the inputs:
``files`` read, ``presets`` say what a system's columns mean, ``orders`` shape rows, ``parse`` gives them ``types``
and counts what cannot be read, ``people`` settles ids. ``profile`` looks at the result, ``proposals`` is ``cam new``.
"""

from cam.data.prepare import Prepared, prepare, read_prepared

__all__ = ["Prepared", "prepare", "read_prepared"]
