# SPDX-License-Identifier: Apache-2.0
"""Configurations that the documentation shows, each made whole with the sections of conf/full.conf.

An example is a fenced block that begins with a setting whose value is a group or a list. What it shows takes
the place of the section of the same name; "ports" and the other settings of "dataplane" that of theirs. What
the other sections say of parts that are not there then is no mistake of the example.
"""
import glob
import os
import re

BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
BEGINS = re.compile(r"\s*(?:#[^\n]*\s*)*(\w+)\s*(?:=\s*[(\[]|[:=]\s*\{)")


def sections(text):
    """(name, text) of each setting on the top level of @text."""
    found, depth, begin = [], 0, None
    for m in re.finditer(r'"(?:\\.|[^"\\])*"|#[^\n]*|[({\[]|[)}\]]|;|\w+', text):
        token = m.group()
        if token.startswith("#"):
            continue
        if begin is None:
            begin, name = m.start(), token
        if token in "({[":
            depth += 1
        elif token in ")}]":
            depth -= 1
        elif token == ";" and depth == 0:
            found.append((name, text[begin:m.end()]))
            begin = None
    return found


def shown(page):
    """The examples of a page."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    return [block for block in BLOCK.findall(text) if BEGINS.match(block) and ";" in block]


def whole(example, full):
    """@example within what it does not show of @full, and its first and last line there."""
    parts = dict(sections(full))
    inner = dict(sections(re.search(r"\{(.*)\}", parts.pop("dataplane"), re.S).group(1)))
    names = [name for name, _ in sections(example)]
    within = all(name in inner and name not in parts for name in names)
    for name in names:
        (inner if within else parts).pop(name, None)
    before = "dataplane: {\n" if within else ""
    after = "" if within else "dataplane: {\n"
    rest = "\n".join(parts.values())
    text = f"{before}{example}{after}{chr(10).join(inner.values())}\n}};\n{rest}\n"
    return text, before.count("\n") + 1, before.count("\n") + example.count("\n")


def write(root, directory):
    """Write each as a file in @directory. Returns {name: (first line, last line)}."""
    with open(os.path.join(root, "conf", "full.conf"), encoding="utf-8") as f:
        full = f.read().replace('"/var/log/sluice/', '"')
    written = {}
    for page in [os.path.join(root, "README.md"), *sorted(glob.glob(os.path.join(root, "docs", "*.md")))]:
        for i, example in enumerate(shown(page), 1):
            name = f"{os.path.basename(page)[:-len('.md')]}_example{i}.conf"
            text, first, last = whole(example, full)
            with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
                f.write(text)
            written[name] = (first, last)
    return written


def errors(seen, lines):
    """Diagnostics of check's output @seen that are about @lines and are no warnings."""
    return [line for line in seen.splitlines() if (m := re.match(r"[^:]+:(\d+): (?!warning)", line)) and
        lines[0] <= int(m.group(1)) <= lines[1]]
