"""Sharing: files that a spec extends, values from the command line, locks and bundles."""

from __future__ import annotations

STORED = "01e997f908419e48be2d044bafa00efce35633b2"
"""A commit with one file, seed.yaml, whose objects lie in tests/cases/err/vendor/git."""

_COMMIT = "0123456789abcdef0123456789abcdef01234567"

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
        "More than 50 files, or more than 4 MB, are read for one spec.",
        "No person can follow so many.",
        "extends: [" + ", ".join(["seed.yaml"] * 51) + "]\n",
        "extends: [seed.yaml]\n",
    ),
    "NV505": (
        "git source that is not pinned",
        "A git source names a branch, a tag or a short hash in place of a full commit.",
        "A branch moves: the same spec would mean something else tomorrow.",
        "extends: git+https://example.org/specs.git@main#shared.yaml\n",
        "seed: 1\n",
    ),
    "NV506": (
        "git source that cannot be read",
        "A git source is written `git+https://host/repository.git@<commit>#path`, or with "
        "`git+ssh` or `git+file`.",
        "Addresses are handed to git, so only those of a plain form are.",
        f"extends: git+http://example.org/specs.git@{_COMMIT}#shared.yaml\n",
        "seed: 1\n",
    ),
    "NV507": (
        "git source with a password",
        "The address of a git source holds a user name or a password.",
        "A key in a spec is a key in every copy of it. Git's credential helper knows better "
        "places.",
        f"extends: git+https://me:pass@example.org/specs.git@{_COMMIT}#shared.yaml\n",
        "seed: 1\n",
    ),
    "NV508": (
        "git source that cannot be fetched",
        "git is not installed, did not reach the repository, did not find the commit, or gave "
        "more than a spec repository can hold.",
        "The spec is not whole without it.",
        f"extends: git+file:absent.git@{_COMMIT}#shared.yaml\n",
        "seed: 1\n",
    ),
    "NV509": (
        "file that the commit does not hold",
        "The path after `#` is no file of that commit, or is a link, a folder or a submodule.",
        "A link could lead anywhere, so only plain files are read.",
        f"extends: git+file:repo.git@{STORED}#absent.yaml\n",
        f"extends: git+file:repo.git@{STORED}#seed.yaml\n",
    ),
    "NV510": (
        "package that is not installed",
        "`pkg:PACKAGE/path.yaml` names a Python package that this Python does not have.",
        "The spec is not whole without it.",
        "extends: pkg:no_such_package/shared.yaml\n",
        "seed: 1\n",
    ),
    "NV511": (
        "file that the package does not hold",
        "`pkg:PACKAGE/path.yaml` names no file inside the package's own folder.",
        "A package is read, never run, and a path in it cannot lead out of it.",
        "extends: pkg:yaml/absent.yaml\n",
        "seed: 1\n",
    ),
    "NV512": (
        "local git repository outside the project",
        "`git+file` names a repository that does not lie in the project or borrows from one that "
        "does not, or it is named by a file that came from elsewhere.",
        "A spec from a stranger must not read the other repositories of this disk.",
        f"extends: git+file:../absent.git@{_COMMIT}#shared.yaml\n",
        "seed: 1\n",
    ),
    "NV513": (
        "override that cannot be read",
        "`--set` takes `KEY=VALUE`, where KEY is a path such as `train.epochs` or "
        "`task.labels[0]` and VALUE a YAML value on one line.",
        "An override that is not understood must not be passed over.",
        "# nivel validate spec.yaml --set train.epochs\nseed: 1\n",
        "# nivel validate spec.yaml --set train.epochs=1\nseed: 1\n",
    ),
    "NV514": (
        "override that does not fit",
        "`--set` leads into a value that has no keys or items, past the end of a list, or to "
        "`extends`, which has been followed already.",
        "An override that changes nothing would be believed.",
        "# nivel validate spec.yaml --set task.labels[2]=html\nseed: 1\n",
        "# nivel validate spec.yaml --set task.labels[1]=logging\nseed: 1\n",
    ),
    "NV515": (
        "text file that cannot be had",
        "`file` names a template or a system message, or `task.schema` a JSON Schema, that is not "
        "there, outside the project, hidden, of another kind, empty or too long.",
        "The text is part of the program; a stranger's spec must not put any other file there.",
        "task: {type: classify, labels: [email, xml], input: {file: ../../secret.j2}}\n",
        'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n',
    ),
    "NV520": (
        "spec without a lock",
        "`--locked` was asked for, but no `SPEC.lock` lies beside the spec.",
        "Nothing says what the files and the model were.",
        "# nivel validate unlocked.yaml --locked\nseed: 1\n",
        "# nivel validate spec.yaml --locked\nseed: 1\n",
    ),
    "NV521": (
        "lock that cannot be read",
        "The file beside the spec is no lock, or one of another version of nivel.",
        "A lock that is not understood locks nothing.",
        "# nivel validate broken.yaml --locked\nseed: 1\n",
        "# nivel validate spec.yaml --locked\nseed: 1\n",
    ),
    "NV522": (
        "drift from the lock",
        "A file, the data or the model is not what was recorded, or another Python makes the "
        "rows of a builtin source.",
        "The experiment would not be the one that was locked.",
        "# nivel validate spec.yaml --locked\nseed: 2\n",
        "# nivel validate spec.yaml --locked\nseed: 1\n",
    ),
    "NV523": (
        "names that the lock and the spec do not share",
        "The spec names something that the lock does not hold, or the other way round.",
        "What is not in the lock could be anything.",
        "# nivel validate spec.yaml --locked --set model.path=org/other\nseed: 1\n",
        "# nivel validate spec.yaml --locked --set seed=2\nseed: 1\n",
    ),
    "NV524": (
        "model without a commit",
        "A model of a hub is named without a revision, or by a branch or tag.",
        "Its owner can change the weights, and the lock would not notice.",
        "# nivel lock spec.yaml\nmodel: {path: org/name}\n",
        f"# nivel lock spec.yaml\nmodel: {{path: org/name, revision: {_COMMIT}}}\n",
    ),
    "NV525": (
        "nothing there to lock",
        "The spec names a model of a run that has not finished, or a file that cannot be read.",
        "A lock records what is there.",
        '# nivel lock spec.yaml\nmodel: {path: "run:absent"}\n',
        f"# nivel lock spec.yaml\nmodel: {{path: org/name, revision: {_COMMIT}}}\n",
    ),
    "NV530": (
        "bundle that is not sound",
        "The archive is damaged, or holds a file that its manifest does not have, a link, a path "
        "that leads out of its folder, or more than the caps allow.",
        "Nothing of it is unpacked: a bundle comes from a stranger.",
        "# nivel bundle spec.yaml --verify\nseed: 1\n",
        "seed: 1\n",
    ),
    "NV531": (
        "data too large for a bundle",
        "Data and local models are larger than `--max-data`.",
        "A bundle is for sending; large data is better fetched, and its hash checked.",
        "# nivel bundle spec.yaml -o spec.tgz --max-data 1B\n"
        "data: {test: {path: more.csv}, train: {path: rows.csv}, "
        "columns: {text: text, label: label}}\n",
        f"# nivel bundle spec.yaml -o spec.tgz\nmodel: {{path: org/name, revision: {_COMMIT}}}\n",
    ),
    "NV532": (
        "bundle that cannot be made",
        "The name says no kind of archive, or a path cannot stand in a bundle: it is too long, "
        "hidden, or Python code that would be imported where the bundle is unpacked.",
        "What is packed has to be harmless to unpack on every system.",
        "# nivel bundle spec.yaml -o spec.rar\nseed: 1\n",
        f"# nivel bundle spec.yaml -o spec.zip\nmodel: {{path: org/name, revision: {_COMMIT}}}\n",
    ),
    "NV550": (
        "spec of an older language",
        "The number at `nivel` is that of a language from before the present one.",
        "Keys have moved since; reading the spec as if it were new could change what it means.",
        "nivel: 1\n",
        "nivel: 2\n",
    ),
    "NV551": (
        "spec of a newer language",
        "The number at `nivel` is higher than this nivel knows.",
        "It may hold keys whose meaning is not known here.",
        "nivel: 9\n",
        "nivel: 2\n",
    ),
    "NV552": (
        "spec that cannot be migrated by itself",
        "A key has to move, and where to is not for one file alone to say, or it is written in a "
        "way that cannot be edited.",
        "A migration that guessed would change the experiment without a word.",
        "# whole\n# nivel migrate spec.yaml\ntrain: {micro_batch: 4}\n",
        "# whole\n# nivel migrate spec.yaml\ntrain: {weight_decay: 0.1}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
