"""JSON Schema written from a profile, so that editors can check what they send in their own tools."""

from fhirserver.definitions.schema.writer import SchemaError, profile_schema

__all__ = ["SchemaError", "profile_schema"]
