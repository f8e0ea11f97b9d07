"""Tools beside the networks: data sets and loaders under the path that PyTorch has them at, and more."""
