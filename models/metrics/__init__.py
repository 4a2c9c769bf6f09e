"""How far a picture is from its original, and how sharp it is, by published formulas alone."""
