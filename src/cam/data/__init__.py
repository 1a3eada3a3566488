"""Raw files and databases -> checked tables.

``sources`` reads, ``parse`` gives types and counts what cannot be read, ``refunds`` nets, ``prepare`` walks
the whole way once per client and keeps the result by the content of the inputs.
"""

from cam.data.prepare import Prepared, prepare, read_prepared

__all__ = ["Prepared", "prepare", "read_prepared"]
