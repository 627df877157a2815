"""What the package brings to try it out."""
