"""The demonstration: a French prescription and a DMP document, pushed, refused, found and read back over HTTP."""
