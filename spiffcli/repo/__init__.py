"""Models under version control: files at a revision, and what teaches Git to compare models."""
