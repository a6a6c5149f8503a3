"""A knowledge base: documents, chunks and both indexes in step. Knows no questions and no models that answer.

library.db is the source of truth and is told first; the keyword index lives in it, the vector store follows it.
"""

from retrieval.library.files import Source
from retrieval.library.library import Library, UnitVectors

__all__ = ["Library", "Source", "UnitVectors"]
