"""Samples out of the bytes of each format, as stored; what the header says is read by ``models.image_files``."""
