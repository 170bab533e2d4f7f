"""numbers/png.py: the pixels of a PNG file, by zlib and the text of the standard alone."""

import struct
import zlib

import numpy


def decode(png):
    """The pixels of a PNG of 8 bits RGB."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, kinds = 8, b"", []
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + data) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        kinds.append(kind)
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", data)
            assert rest == [8, 2, 0, 0, 0]
        packed += data if kind == b"IDAT" else b""
        at += 12 + size
    assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND"
    lines = numpy.frombuffer(zlib.decompress(packed), "u1").reshape(height, 1 + 3 * width)
    out = numpy.zeros((height, 3 * width), "u1")
    above = numpy.zeros(3 * width, "i4")
    for y, line in enumerate(lines):
        above = unfilter(line[0], line[1:].astype("i4"), above)
        out[y] = above
    return out.reshape(height, width, 3)


def unfilter(kind, line, above):
    row = [0] * 3 + line.tolist()
    up = [0] * 3 + above.tolist()
    for i in range(3, len(row)):
        a, b, c = row[i - 3], up[i], up[i - 3]
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        row[i] = (row[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
    return numpy.array(row[3:], "i4")
