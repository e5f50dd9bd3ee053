#!/usr/bin/env python3
"""Writes the frames of /vectors into the corpora of the targets that read frames."""

import json
from pathlib import Path

FUZZ = Path(__file__).parent
TARGETS = ["frame", "params"]

for target in TARGETS:
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for name in ["frames.json", "frames-newer.json"]:
        for vector in json.loads((FUZZ.parent / "vectors" / name).read_text()):
            if vector.get("hex"):
                (corpus / vector["name"]).write_bytes(bytes.fromhex(vector["hex"]))
