"""Running instances: under their lock, saved as they go, with the events they send to each other."""
