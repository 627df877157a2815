"""The same work done with other libraries, each the way its own documentation shows."""
