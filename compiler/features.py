"""Which values go together, as data: feature x feature grids that rules walk and docs show.

A cell is allowed unless the grid names the code that refuses it. A new pair of features is a new
:class:`Grid`; a new refusal is an entry of :data:`CLASHES` and of a grid. Tests build a spec for
every cell of every grid, and hold it to what the grid says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

Path = tuple[str, ...]

LEFT_OUT = "left out"
GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a feature: its name in the table, and a sample that has it.

    It is met by one of ``words``, by a text that starts with one of ``starts``, or by a number
    of at least ``least`` and at most ``most``. ``words`` of None is the key that is left out,
    and a value without any of these is any that is given.
    """

    name: str
    sample: Any = None
    words: tuple[Any, ...] | None = ()
    starts: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def met_by(self, value: Any, given: bool) -> bool:
        """Tell whether a spec with ``value``, ``given`` in the file or not, has this value."""
        if isinstance(value, dict) and "count" in value:
            value = value["count"]  # a map says its number so
        if self.words is None:
            return not given
        if self.words:
            return value in self.words and not isinstance(value, bool)
        if self.starts:
            return isinstance(value, str) and value.startswith(self.starts)
        if self.least is not None or self.most is not None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and (self.least or 0) <= value <= (self.most or float("inf"))
        return given


@dataclass(frozen=True, slots=True)
class Feature:
    """A key of the language, and the values that matter to others.

    With ``said`` they matter only where the file itself gives them, and a default does not.
    """

    path: Path
    values: tuple[Value, ...]
    said: bool = False

    @property
    def name(self) -> str:
        """The key as people write it."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Grid:
    """Two features: ``refused`` maps (row, column), by name, to a code; all else is allowed.

    ``levels`` are those at which both can be written. ``mark`` and ``key`` say where the caret
    stands: under the row's or the column's value, or its key; ``note`` is said of the other.
    """

    rows: Feature
    columns: Feature
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    levels: tuple[str, ...] = ("prompt", "finetune", "pretrain")
    mark: Path = ()
    key: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """What a refusal says; ``{row}`` and ``{column}`` stand for the values of the spec."""

    title: str
    message: str
    cure: str


CLASHES: dict[str, Clash] = {
    "NV314": Clash(
        "revision of a model that is not on a hub",
        "`revision` is only for models of a hub, not for `{row}`",
        "remove `revision`",
    ),
    "NV324": Clash(
        "examples without training rows",
        "few_shot: {row} needs data.train to draw examples from",
        "add `data.train`, or write `few_shot: 0`",
    ),
    "NV325": Clash(
        "system message without chat",
        "a system message needs `task.format: chat`",
        "write `format: chat` under `task`, or put the text into `task.input`",
    ),
    "NV326": Clash(
        "chat with a model that has no chat template",
        "a model trained from nothing has no chat template",
        "write `format: plain`",
    ),
    "NV330": Clash(
        "task without test rows",
        "a task needs `data.test` to be measured on",
        "add `data.test`, or remove `task`",
    ),
    "NV331": Clash(
        "rows without a task",
        "`{name}` is not used, because there is no `task`",
        "remove it, or add a `task`",
    ),
    "NV335": Clash(
        "split of a file",
        "`split` is for builtin sources; a file is one set of rows",
        "remove `split`, and name a file",
    ),
    "NV401": Clash(
        "several devices to prompt",
        "level `prompt` runs in one process under `{row}`, but hardware has {column} devices",
        "write `devices: 1`, or `launcher: ray`",
    ),
    "NV403": Clash(
        "profile and accelerator that disagree",
        "profile `{row}` does not compute on `{column}`",
        "write `profile: {column}`",
    ),
}
"""Code -> what is said where a grid refuses a cell."""


def _word(word: str) -> Value:
    return Value(word, word, (word,))


def _either(sample: Any) -> tuple[Value, Value]:
    return Value(LEFT_OUT, words=None), Value(GIVEN, sample)


_TASK = {"type": "classify", "labels": ["email", "xml"], "input": "{{ text }}"}
_TRAIN = {"builtin": "python-docs", "split": "train"}
_TEST = {"builtin": "python-docs", "split": "test"}

LEVEL = Feature(("level",), tuple(map(_word, ("prompt", "finetune", "pretrain"))))
FORMAT = Feature(("task", "format"), (_word("plain"), _word("chat")))
SYSTEM = Feature(("prompt", "system"), _either("You sort text."))
SHOTS = Feature(("prompt", "few_shot"), (Value("0", 0, (0,)), Value("1 or more", 4, least=1)))
TASK = Feature(("task",), _either(_TASK))
TRAIN_ROWS = Feature(("data", "train"), _either(_TRAIN))
TEST_ROWS = Feature(("data", "test"), _either(_TEST))
METRICS = Feature(("evaluate", "metrics"), _either(["accuracy"]))
CONFIDENCE = Feature(("evaluate", "confidence"), _either(0.9))
ACCELERATOR = Feature(("hardware", "accelerator"), (_word("cpu"), _word("cuda")))
_DEVICE = Value("a device", "h100", starts=tuple(ascii_lowercase))
PROFILE = Feature(
    ("hardware", "profile"), (*map(_word, ("local", "cpu", "cuda")), _DEVICE), said=True
)
PRECISION = Feature(("hardware", "precision"), (_word("fp32"), _word("bf16")))
DEVICES = Feature(("hardware", "devices"), (Value("1", 1, (1,)), Value("2 or more", 2, least=2)))
LAUNCHER = Feature(
    ("hardware", "launcher"), tuple(map(_word, ("lightning", "torchrun", "slurm", "ray")))
)
METHOD = Feature(("method", "type"), (_word("lora"), _word("full")))
MODEL = Feature(
    ("model", "path"),
    (
        Value("run:NAME", "run:trained", starts=("run:",)),
        Value("pkg:PACKAGE/FILE", "pkg:click/py.typed", starts=("pkg:",)),
        Value("./folder", "./tiny", starts=("./",)),
        Value("org/name", "org/name"),
    ),
)
REVISION = Feature(("model", "revision"), _either("v1.0"))


def _source(part: str) -> Feature:
    return Feature(("data", part, "path"), _either("rows.csv" if part == "train" else "more.csv"))


def _split(part: str) -> Feature:
    return Feature(("data", part, "split"), _either(part))


def _unused(columns: Feature) -> Grid:
    """Without a task nothing reads the rows, or measures; only pretraining can go without."""
    refused = {(LEFT_OUT, GIVEN): "NV331"}
    if columns is TEST_ROWS:
        refused[GIVEN, LEFT_OUT] = "NV330"
    return Grid(TASK, columns, refused, ("pretrain",), columns.path, key=True, note="the task")


_TUNED = ("prompt", "finetune")

GRIDS: tuple[Grid, ...] = (
    Grid(LEVEL, FORMAT, {("pretrain", "chat"): "NV326"}, mark=FORMAT.path),
    Grid(FORMAT, SYSTEM, {("plain", GIVEN): "NV325"}, ("prompt",), SYSTEM.path, True,
         "plain has no place for it"),
    Grid(SHOTS, TRAIN_ROWS, {("1 or more", LEFT_OUT): "NV324"}, ("prompt",), SHOTS.path),
    *map(_unused, (TRAIN_ROWS, TEST_ROWS, METRICS, CONFIDENCE)),
    *(Grid(_source(part), _split(part), {(GIVEN, GIVEN): "NV335"}, mark=_split(part).path,
           key=True, note="a file") for part in ("train", "test")),
    Grid(_source("validation"), _split("validation"), {(GIVEN, GIVEN): "NV335"}, ("finetune",),
         _split("validation").path, True, "a file"),
    Grid(MODEL, REVISION,
         {(kind.name, GIVEN): "NV314" for kind in MODEL.values if kind.starts},
         _TUNED, REVISION.path, True, "not a hub id"),
    Grid(LAUNCHER, DEVICES,
         {(name, "2 or more"): "NV401" for name in ("lightning", "torchrun", "slurm")},
         ("prompt",), DEVICES.path),
    Grid(PROFILE, ACCELERATOR,
         {("cpu", "cuda"): "NV403", **dict.fromkeys(
             (("cuda", "cpu"), ("a device", "cpu")), "NV403")},
         mark=ACCELERATOR.path, note="the profile"),
    Grid(ACCELERATOR, PRECISION),
    Grid(ACCELERATOR, DEVICES, levels=("finetune", "pretrain")),
    Grid(METHOD, ACCELERATOR, levels=("finetune",)),
    Grid(METHOD, PRECISION, levels=("finetune",)),
    Grid(METHOD, DEVICES, levels=("finetune",)),
    Grid(METHOD, FORMAT, levels=("finetune",)),
    Grid(METHOD, MODEL, levels=("finetune",)),
)  # fmt: skip
"""Every pair of features whose values do or do not go together."""
