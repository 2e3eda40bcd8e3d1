"""From a tree to an EROFS image of metadata whose files are runs of the stored blobs; docs/formats/image.md."""
