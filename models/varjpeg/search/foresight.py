"""What a few places of a large photo tell of the whole before it is encoded.

A small photo of them is encoded and judged in an eighth of the time or less, and its scores follow settings as those of
the whole do, nearly a constant apart.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from models.varjpeg.search.goals import Encode, Encoder, Excerpt, Goal, Setting
from models.varjpeg.search.walk import Candidate, candidate, nearest_to, walk

OfExcerpt = Callable[[Excerpt], Encode | None]
"""An encoder as it works on the excerpt."""


class Foresight:
    """``excerpt``: asked when it is first needed, once the whole has been judged; None of a photo that has none."""

    def __init__(self, excerpt: Callable[[], Excerpt | None] | None, goal: Goal) -> None:
        self._excerpt = cache(excerpt or (lambda: None))
        self._goal = goal

    def setting(self, of_excerpt: OfExcerpt, tried: list[Candidate]) -> Setting | None:
        """Where the excerpt reaches the goal, less what it differs by from the whole at the nearest that was ``tried``;
        None if it cannot tell or that has been tried."""
        whole = nearest_to(self._goal, tried)
        start = self.candidate(of_excerpt, whole.encoder, whole.setting)
        excerpt = self._excerpt()
        encode = None if excerpt is None else of_excerpt(excerpt)
        if start is None or excerpt is None or encode is None:
            return None
        goal = self._goal.higher(start.judgement.score - whole.judgement.score)
        goal = replace(goal, tolerable=goal.enough)  # one more trial costs less here than one on the whole
        found = nearest_to(goal, walk(encode, excerpt.judge, goal, start)).setting
        return None if any(each.setting == found for each in tried) else found

    def candidate(self, of_excerpt: OfExcerpt, encoder: Encoder, setting: Setting) -> Candidate | None:
        """The excerpt by this encoder, None if there is none."""
        excerpt = self._excerpt()
        encode = None if excerpt is None else of_excerpt(excerpt)
        if excerpt is None or encode is None:
            return None
        return candidate(encode, excerpt.judge, encoder, setting)
