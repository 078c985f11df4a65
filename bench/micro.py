#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench micro`: micro.py [--against=REV] [--rounds=N] and micro's own options; see turns.py."""
import turns

if __name__ == "__main__":
    turns.run("micro")
