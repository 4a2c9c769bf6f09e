"""What a test allows a machine that other work shares: a tester's machine can be several times slower than the one on
which Limen's promises in seconds were measured, and a test is there to find a hang, not to measure.
"""

SLOWER = 5
"""A promise in seconds is tested at this many times its length."""
