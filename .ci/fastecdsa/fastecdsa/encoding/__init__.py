"""Keys as bytes."""
