"""`secmount doctor`: small checks of everything a mount needs, each with what to do about it."""
