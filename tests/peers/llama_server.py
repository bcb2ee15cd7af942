"""Serve a GGUF file with llama.cpp's own server, as the xllamacpp wheel holds it.

Run by the interpreter that has xllamacpp: `llama_server.py FILE PORT KEY`.
"""

import sys
import time

import xllamacpp

file, port, key = sys.argv[1:]
parameters = xllamacpp.CommonParams()
parameters.model.path = file
parameters.model_alias = {"smollm2"}
parameters.port = int(port)
parameters.api_keys = [key]
parameters.n_ctx = 4096
parameters.n_parallel = 2
parameters.cpuparams.n_threads = 1
server = xllamacpp.Server(parameters)
while True:
    time.sleep(60)
