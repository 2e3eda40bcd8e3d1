"""From files and folders to the blobs and the manifest of an artifact: the same input gives the same digest."""
