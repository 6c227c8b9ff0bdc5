"""The seeded simulator: chain, clock, nodes, network, disk, crashes, workers and readers from one number.

All of it is one process that never sleeps. The production code runs unchanged; only its edges are replaced.
"""
