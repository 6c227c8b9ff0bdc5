"""What indexes beside us: each peer with handlers of ours that do the explorer's five tables' worth of work."""
