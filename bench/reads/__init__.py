"""What readers get: the same questions to our explorer and to Ponder's API, over one chain that goes on meanwhile."""
