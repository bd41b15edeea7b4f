"""Readers of the values of the other packages: text, JSON and its schemas, pictures, pages."""
