"""nivel compiles declarative LLM experiments: one YAML spec, one readable Python program."""

__version__ = "0.1.0"
