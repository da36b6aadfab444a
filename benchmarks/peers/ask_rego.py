"""Ask rules in Rego, through regopy, about many inputs; print times and how many were refused."""

import json
import sys
import time
from pathlib import Path

from regopy import Interpreter

work = json.loads(Path(sys.argv[1]).read_text())
rego = Interpreter()
rego.add_module("bounds", work["policy"])
walls, spent, refused = [], [], 0
for given in work["inputs"]:
    start, own = time.perf_counter(), time.thread_time()
    rego.set_input(given)
    told = str(rego.query("x := data.bounds.deny"))
    walls.append((time.perf_counter() - start) * 1e3)
    spent.append((time.thread_time() - own) * 1e3)
    refused += '."' in told or '["' in told
print(json.dumps({"wall": walls, "cpu": spent, "refused": refused, "last": told}))
