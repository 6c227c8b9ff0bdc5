"""The HTTP side: what people and programs ask of the network."""
