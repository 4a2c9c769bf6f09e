"""Luma of ITU-R BT.601, as JFIF has it (T.871): the weights of red, green and blue."""

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
