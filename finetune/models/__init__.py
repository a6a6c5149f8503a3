"""Base models: the catalog, fetching, the local chat model and how well a model reads."""
