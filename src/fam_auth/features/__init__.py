"""The features: each a folder of the same shape, none knowing another."""
