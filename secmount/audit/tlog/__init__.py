"""A tiled transparency log on a local disk: C2SP tlog-tiles, tlog-checkpoint, tlog-proof, signed-note."""
