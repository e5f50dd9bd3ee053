"""python check.py [URL]: two devices of one user; one pushes, the other must receive. Exits with 0 or 1."""

import sys
import uuid

from client import Client, base_url, grant


def main(url=None):
    """Play both devices."""
    base = base_url(url)
    token, space = grant(base, f"python-check-{uuid.uuid4()}")
    events = []
    one, two = Client(base, token, lambda method, params: events.append((method, params))), Client(base, token)
    assert one.subscribe(space) == 0
    assert one.pull(space) == ([], 0)
    record = str(uuid.uuid4())
    assert two.push(space, record, b"hello") == 1
    assert two.push(space, record, b"hello again", 1) == 2
    try:
        two.push(space, record, b"too late", 1)
    except RuntimeError as error:
        assert "conflict" in str(error), error
    else:
        raise AssertionError("a stale push was accepted")
    assert two.push(space, record, None, 2) == 3
    while len(events) < 3:
        one.receive(timeout=10)
    texts = []
    for method, params in events:
        [changed] = params["records"]
        assert (method, changed["id"], changed["cursor"]) == ("sync", record, params["cursor"])
        assert params["cursor"] == params["prev"] + 1
        texts.append(None if changed.get("deleted") else changed["blob"].decode())
    print("received", texts)
    assert texts == ["hello", "hello again", None]
    records, cursor = two.pull(space, 2)
    assert ([(row["id"], row["deleted"]) for row in records], cursor) == ([(record, True)], 3)
    one.close()
    two.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
