"""A model of 1.2 billion parameters, and a spec that tunes it, for devices to be too small for."""

LARGE = {"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "head_dim": 64,
         "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
         "num_key_value_heads": 8, "tie_word_embeddings": True}  # fmt: skip

SPEC = """\
nivel: 2
name: large
level: finetune
model: {{path: ./large}}
data:
  train: {{builtin: python-docs, split: train}}
  test: {{builtin: python-docs, split: test}}
task: {{type: classify, labels: [email, xml], input: "{{{{ text }}}}"}}
method: {{type: {method}}}
train: {{epochs: 1, batch: 64, learning_rate: 1e-4, max_length: 2048}}
hardware: {hardware}
"""
