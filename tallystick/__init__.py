"""Settings, wiring and the command line: the only room that imports all the others."""
