"""The one door to read by: each question of a person or a program, and its answer."""
