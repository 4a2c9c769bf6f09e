"""The search for the smallest file that reaches a goal: what can be asked for, and who finds it in few encodings."""
