"""The ONNX graphs that are shipped: their manifest, and one of them opened."""
