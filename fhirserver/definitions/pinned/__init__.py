"""The pinned packages: the lock file, where they may be had, and which are in force."""
