"""What a key may be allowed, for the command line too, whose help waits for no library."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key may be allowed."""

    SUBMIT = "submit"
    READ = "read"
    STUDY = "study"
    ADMIN = "admin"
