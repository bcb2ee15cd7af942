"""Asking models: the matrix of cells, the ledger of what was paid, endpoints, budgets.

`make_cells` says what is wanted, `ask` gets it from backends, and what it leaves in the run's
folder is enough to go on after a crash. Nothing here loads torch, and what speaks to the network is
loaded when the first call is made.
"""

from .accounts import Account, Accounts
from .asking import Answers, ask
from .batch import Batch, read_batch, take_batch, write_batch
from .budget import Budget
from .capabilities import Capabilities, probe
from .cells import make_cells
from .endpoint import Endpoint
from .estimates import Estimate, estimate
from .ledger import Ledger
from .price import Price, find_price
from .question import Question
from .types import JSON, Answer, Backend, Cell, Generation, Message, announce

__all__ = [
    "Account",
    "Accounts",
    "Answer",
    "Answers",
    "Backend",
    "Batch",
    "Budget",
    "Capabilities",
    "Cell",
    "Endpoint",
    "Estimate",
    "Generation",
    "JSON",
    "Ledger",
    "Message",
    "Price",
    "Question",
    "announce",
    "ask",
    "estimate",
    "find_price",
    "make_cells",
    "probe",
    "read_batch",
    "take_batch",
    "write_batch",
]
