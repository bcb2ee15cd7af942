"""Asking models: the matrix of cells, the ledger of what was paid for, endpoints, budgets."""
