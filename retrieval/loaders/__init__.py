"""One file per family of formats: bytes in, a Parsed document out."""
