"""The tables of state.db, each with the values that it keeps."""
