"""The demo: a small corpus of every kind of data, drawn here, and a manifest over it."""
