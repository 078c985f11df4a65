#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench l7`: l7.py [--against=REV] [--rounds=N] and l7's own options; see turns.py. Name the cases that matter
with --only: all of them take minutes a round."""
import turns

if __name__ == "__main__":
    turns.run("l7")
