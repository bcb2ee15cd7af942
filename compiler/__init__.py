"""From a YAML spec to a checked, planned and emitted program; torch is never imported here.

The stages are ``Source -> Document -> Spec -> Plan -> Program``. A new key goes into
``schemas/``, ``spec.py`` and ``structure.py``; a new check is a function in ``rules/``
with its code in ``codes/``.
"""
