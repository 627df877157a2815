"""Stand-ins for curl and jq, for machines that have neither: as much of them as docs/howto/server.md uses."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_SWITCHES = {"-N", "-s", "-S", "-sS"}


def curl(arguments: list[str]) -> None:
    headers: dict[str, str] = {}
    url, body, out, after = "", None, None, ""
    rest = iter(arguments)
    for argument in rest:
        if argument == "-K":
            for line in Path(next(rest)).read_text().splitlines():
                name, _, value = line.partition(" = ")
                if name == "header":
                    _add(headers, json.loads(value))
                elif name == "write-out":
                    after = json.loads(value)
        elif argument == "-H":
            _add(headers, next(rest))
        elif argument in ("--json", "--data-binary"):
            body = _data(next(rest))
            if argument == "--json":
                headers |= {"Content-Type": "application/json", "Accept": "application/json"}
        elif argument == "-o":
            out = next(rest)
        elif argument not in _SWITCHES:
            assert not argument.startswith("-"), f"the stand-in has no {argument}"
            url = argument
    request = urllib.request.Request(url, body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        if out is not None:
            Path(out).write_bytes(answer.read())
        else:
            for line in answer:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    sys.stdout.write(after.replace("%{http_code}", str(answer.status)))


def _add(headers: dict[str, str], line: str) -> None:
    name, _, value = line.partition(": ")
    headers[name] = value


def _data(text: str) -> bytes:
    return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()


def jq(arguments: list[str]) -> None:
    raw = arguments[0] == "-r"
    program, file = arguments[raw:]
    value = json.loads(Path(file).read_bytes())
    for part in program.split(" | "):
        value = _applied(part, value)
    print(value if raw else json.dumps(value))


def _applied(part: str, value: Any) -> Any:
    if part.startswith("{"):
        fields = [field.partition(": ") for field in part.strip("{}").split(", ")]
        return {name: json.loads(given) if colon else value[name] for name, colon, given in fields}
    for step in re.findall(r"\[(\d+)\]|\.(\w+)", part):
        value = value[int(step[0])] if step[0] else value[step[1]]
    return value


if __name__ == "__main__":
    {"curl": curl, "jq": jq}[sys.argv[1]](sys.argv[2:])
