"""What runs algorithms: frames, the zygote, the cell that a worker locks itself into, and its loop of calls."""
