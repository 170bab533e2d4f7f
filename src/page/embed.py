#!/usr/bin/env python3
"""page/embed.py NAME FILE HEADER: a file as an array of C, so that it can be read and edited as what it is."""

import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
lines = [", ".join(str(byte) for byte in data[at:at + 24]) for at in range(0, len(data), 24)]
with open(target, "w", encoding="ascii") as file:
    file.write(f"/* Made of {source.rsplit('/', 1)[-1]}. */\n"
               f"static const char {name}[{len(data)}] = {{\n" + ",\n".join(lines) + "};\n")
