"""What emitted programs stand on: data, models, training, evaluation and records.

Emitted programs import only names listed in the `__all__` of these subpackages. To add a new
capability, put it in the subpackage of its subject and list it there; nothing here may import the
compiler, because a run must not need it.
"""
