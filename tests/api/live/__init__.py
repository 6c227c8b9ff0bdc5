"""Live changes and who follows them."""
