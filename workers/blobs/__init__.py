"""Image and result bytes by their content, in a folder or in an object store."""
