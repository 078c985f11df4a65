#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/configuration.md is what the code says, and conf/full.conf names every setting.

    document_test.py SLUICE-CONTROL SOURCE-ROOT
"""
import os
import re
import subprocess
import sys

program, root = sys.argv[1:3]
made = subprocess.run([program, "--document"], capture_output=True, text=True, check=True).stdout
with open(os.path.join(root, "docs", "configuration.md"), encoding="utf-8") as f:
    kept = f.read()
if made != kept:
    sys.exit("docs/configuration.md is old: write it anew with `sluice-control --document`")
with open(os.path.join(root, "conf", "full.conf"), encoding="utf-8") as f:
    full = f.read()
missing = [name for name in re.findall(r"^\| `(\w+)` \|", made, re.M) if not re.search(rf"\b{name}\s*[=:]", full)]
if missing:
    sys.exit(f"conf/full.conf does not name: {', '.join(missing)}")
print("the reference is current")
