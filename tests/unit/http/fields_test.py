#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/http.md lists the fields that are not forwarded as fields.def does.

    names_test.py SOURCE-ROOT
"""
import os
import re
import sys

root = sys.argv[1]
with open(os.path.join(root, "dataplane", "http", "fields.def"), encoding="utf-8") as f:
    rows = re.findall(r'^(NAME|FAMILY)\("([^"]+)", (\w+)\)', f.read(), re.M)
with open(os.path.join(root, "docs", "http.md"), encoding="utf-8") as f:
    text = f.read()
for field, begin in ("ADDRESS", "What says something about a client"), ("OVERRIDE", "What takes the place of path"):
    code = [name + ("*" if kind == "FAMILY" else "") for kind, name, its in rows if its == field]
    paragraph = text.split(begin, 1)[1].split("\n\n", 2)[1]
    listed = [name.lower() for name in re.findall(r"`([^`]+)`", paragraph)]
    if listed != code:
        sys.exit(f"docs/http.md, {begin!r}: {sorted(set(listed) ^ set(code)) or 'another order'}")
print("the lists are current")
