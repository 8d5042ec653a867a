"""The HTTP server: a JSON API, its OpenAPI documentation, and the front page."""
