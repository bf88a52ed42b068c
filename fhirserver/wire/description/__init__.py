"""The description of the API (OpenAPI 3.1), made from what the server is wired with."""
