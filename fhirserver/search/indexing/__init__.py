"""From a resource to its index values, and the indexes that hold them."""
