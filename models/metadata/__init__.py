"""What of a photo's metadata goes into the file that is made of it, and the places that never do."""
