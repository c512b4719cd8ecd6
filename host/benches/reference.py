"""The local job in Python: newline-delimited JSON into compressed objects by event type.

    reference.py EVENTS LAKE

processes 10,000 events at a time on one core. It compresses objects with zstd if this Python supports it, and
otherwise with gzip at its fastest level; the last line of output says which.
"""

import itertools
import json
import os
import sys
import zlib
from collections import defaultdict

from handler import enrich

BATCH = 10_000


def gzip(data):
    compressor = zlib.compressobj(level=1, wbits=31)
    return compressor.compress(data) + compressor.flush()


def compression():
    try:
        from compression import zstd  # Python 3.14

        return "zst", lambda data: zstd.compress(data, level=1)
    except ImportError:
        pass
    try:
        import zstandard

        return "zst", zstandard.ZstdCompressor(level=1).compress
    except ImportError:
        return "gz", gzip


def main(source, lake):
    extension, compress = compression()
    objects = 0
    with open(source, "rb") as file:
        for number in itertools.count():
            by_type = defaultdict(list)
            for line in itertools.islice(file, BATCH):
                event = enrich(json.loads(line))
                by_type[event["event_type"]].append(json.dumps(event, separators=(",", ":")))
            if not by_type:
                break
            for event_type, lines in by_type.items():
                folder = os.path.join(lake, f"event_type={event_type}")
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, f"{number}.ndjson.{extension}"), "wb") as out:
                    out.write(compress(("\n".join(lines) + "\n").encode()))
            objects += len(by_type)
    print(json.dumps({"compression": extension, "objects": objects}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
