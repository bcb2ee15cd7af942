"""The step that keeps texts of some languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DataError
from ..extras import load_extra
from .steps import Step

READ = 4000
"""Characters that decide; more change little and cost time."""


class Language(Step):
    """Drops texts whose likeliest language is not wanted, or is not likely enough.

    py3langid knows 140 languages by naive Bayes over byte n-grams (Lui and Baldwin, 2012); its
    model is in the package.
    """

    type = "language"
    package = "py3langid"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        library = load_extra("py3langid.langid", "curate", who="the step language")
        load = library.LanguageIdentifier.from_model_file
        self._model = load(library.MODEL_FILE, norm_probs=True)
        self.keep, self.at_least = frozenset(options["keep"]), options["at_least"]
        unknown = self.keep - set(self._model.labels)
        if unknown:
            raise DataError(
                f"py3langid knows no language {sorted(unknown)[0]!r}",
                "use codes of ISO 639-1, such as en, es, de",
            )

    def judge(self, text: str) -> str | None:
        found, probability = self._model.classify(text[:READ])
        if found not in self.keep:
            return self.drop(str(found), text)
        if probability < self.at_least:
            return self.drop("not certain", text)
        return text
