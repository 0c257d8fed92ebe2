"""Serves one of the applications in Python: `python serve.py MODULE PORT`.

What is there from the start is kept out of Python's collection of garbage, as docs/scale.md advises: any of them would
stop for a moment now and then.
"""

import gc
import sys
from importlib import import_module

import uvicorn

app = import_module(sys.argv[1]).app
gc.collect()
gc.freeze()
uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning", loop="uvloop", http="httptools")
