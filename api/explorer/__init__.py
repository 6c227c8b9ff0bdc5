"""The explorer over HTTP: what the index holds, page by page, each answer with the head it was taken at."""
