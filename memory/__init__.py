"""What is kept: the workspace on disk, records, errors and conversations. Knows nothing of documents or models."""
