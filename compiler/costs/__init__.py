"""What an experiment needs before it is run: parameters, computation, memory, time and money.

Everything here follows from a plan, from the ``config.json`` of its model and from the catalog of
devices; no weight is read and torch is not imported. What cannot be known is None with a reason,
never 0 and never a guess. A new family of models goes into ``families.py``; a new adapter into
``adapters.py``; a device into ``devices.json``.
"""
