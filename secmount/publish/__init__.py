"""Making what secmount verifies: layouts, keys, signatures."""
