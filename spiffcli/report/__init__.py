"""Readers of diffs, impacts, migrations and rules: text, JSON, Markdown and what build servers read.

Every function takes values and returns text, lines or a JSON document; nothing here writes anywhere.
"""
