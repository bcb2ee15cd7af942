"""Sharing: files that a spec extends."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV501": (
        "extended file that does not exist",
        "`extends` names a file that is not there, or one of a kind that is not known.",
        "The spec is not whole without it.",
        "extends: no-such-file.yaml\n",
        "seed: 1\n",
    ),
    "NV502": (
        "circle of extended files",
        "A file extends itself, directly or by way of others.",
        "There would be no first file to start from.",
        "extends: spec.yaml\n",
        "seed: 1\n",
    ),
    "NV503": (
        "extended file outside the project",
        "`extends` leads out of the project folder.",
        "A spec from a stranger must not read the rest of the disk.",
        "extends: ../../secret.yaml\n",
        "seed: 1\n",
    ),
    "NV504": (
        "too many extended files",
        "More than 50 files are read for one spec.",
        "No person can follow so many.",
        "extends: [" + ", ".join(["seed.yaml"] * 51) + "]\n",
        "extends: [seed.yaml]\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
