"""Thin programs, one per rule: arguments and files in, files out."""
