"""Snapshots from differentials, and structures as trees."""

from fhirserver.definitions.snapshots.application import SnapshotError
from fhirserver.definitions.snapshots.generator import Generator, Snapshot
from fhirserver.definitions.snapshots.tree import Node, tree

__all__ = ["Generator", "Node", "Snapshot", "SnapshotError", "tree"]
