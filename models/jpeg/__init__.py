"""JPEG (ITU-T T.81) below the pixels: quantized blocks in and out of files, exactly as they are stored."""
