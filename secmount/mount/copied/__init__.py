"""Trees as ordinary files: writing them, remembering what was written, removing exactly that."""
