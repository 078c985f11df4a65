#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The documentation names only commands and options that exist, and docs/sluicectl.md names all of them.

    commands_test.py SOURCE-ROOT SLUICECTL [PROGRAM...]
"""
import glob
import os
import re
import subprocess
import sys

root, programs = sys.argv[1], sys.argv[2:]
COMMAND_LINE = re.compile(r"(#\s{2,}|\$ |ip netns exec \S+ )?([a-z/]*/)?sluice[a-z-]* (?!and )")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def help_of(program):
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return text, set(OPTION.findall(text)) | {"--help", "--version"}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


known = {os.path.basename(p): help_of(p) for p in programs}
commands = set(re.findall(r"^  ([a-z]+)", known["sluicectl"][0], re.M))
pages = [os.path.join(root, "README.md"), *glob.glob(os.path.join(root, "docs", "*.md")),
    *glob.glob(os.path.join(root, "conf", "*.conf"))]
wrong = []

for page in pages:
    name = os.path.relpath(page, root)
    for line in read(page).splitlines():
        # What is written as something to type: in backquotes, or as a line of its own.
        for typed in [*re.findall(r"`([^`]*)`", line), line if COMMAND_LINE.match(line) else ""]:
            for program, words in re.findall(r"(?:^|/|\s)(sluicectl|sluice-control|sluice-dataplane)\b([^|#]*)", typed):
                if program not in known:
                    continue
                words = re.sub(r"…|--(control-)?socket \S+", " ", words).split()
                if program == "sluicectl" and words and re.fullmatch(r"[a-z]+", words[0]) and words[0] not in commands:
                    wrong.append(f"{name}: sluicectl has no command '{words[0]}': {line.strip()}")
                wrong += [f"{name}: {program} has no {option}: {line.strip()}" for option in OPTION.findall(" ".join(words))
                    if option not in known[program][1]]
        if "systemctl" in line or ".service" in line:
            wrong.append(f"{name}: no unit for systemd is in the tree: {line.strip()}")

page = read(os.path.join(root, "docs", "sluicectl.md"))
wrong += [f"docs/sluicectl.md does not name sluicectl {what}"
    for what in sorted(commands | known["sluicectl"][1] - {"--help", "--version"})
    if not re.search(rf"(?<![\w-]){what}(?![\w-])", page)]
if not commands:
    wrong.append("sluicectl --help names no command")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(pages)} pages name what exists")
