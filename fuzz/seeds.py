#!/usr/bin/env python3
"""Writes the vectors of /vectors into the corpora of the targets that read their kind."""

import base64
import binascii
import json
from pathlib import Path

FUZZ = Path(__file__).parent


def vectors(name):
    return json.loads((FUZZ.parent / "vectors" / name).read_text())


def write(target, name, content):
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / name).write_bytes(content)


def decode(segment):
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def write_frames():
    for name in ["frames.json", "frames-newer.json"]:
        for vector in vectors(name):
            if vector.get("hex"):
                for target in ["frame", "params"]:
                    write(target, vector["name"], bytes.fromhex(vector["hex"]))


def write_tokens():
    """Each token as it is, and its header and payload for the target to sign."""
    for case in vectors("jwt.json")["cases"]:
        token = case["inputs"]["token"]
        write("access_token", case["name"], token.encode())
        try:
            header, payload = (decode(segment) for segment in token.split(".")[:2])
        except (binascii.Error, ValueError):
            continue
        write("access_token", case["name"] + ".signed", b"\0" + header + b"\0" + payload)


def write_key_sets():
    for name, document in vectors("jwt.json")["jwks"].items():
        write("key_set", name, json.dumps(document).encode())


def write_dids():
    file = vectors("didkey.json")
    for case in file["cases"]:
        write("did_key", case["name"], case["inputs"]["did"].encode())
    for case in file["encode"]:
        write("did_key", case["name"], case["expected"]["did"].encode())


def write_ucans():
    """Each chain as it is, and the claims of its leaf for the target to sign, as a root and as the child of one."""
    for case in vectors("ucan.json")["cases"]:
        token = case["inputs"]["token"]
        write("ucan", case["name"], token.encode())
        try:
            claims = json.loads(decode(token.split(".")[1]))
        except (IndexError, ValueError):
            continue
        claims |= {"iss": "OWNER", "aud": ["OWNER"], "prf": []}
        child = claims | {"prf": ["PROOF"]}
        write("ucan", case["name"] + ".signed", "".join("\0" + json.dumps(each) for each in [claims, child]).encode())


write_frames()
write_tokens()
write_key_sets()
write_dids()
write_ucans()
