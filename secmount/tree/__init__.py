"""From held layers to one flattened tree."""
