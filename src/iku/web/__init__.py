"""The HTTP face: a JSON interface for programs and its documentation."""
