"""Text for people in the two languages of the console; Chinese is the first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The same statement in Chinese and in English."""

    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        """Return the form used in messages and in the API."""
        return {"zh": self.zh, "en": self.en}
