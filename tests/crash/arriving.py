"""A process that proposes at a WHEN_UNCERTAIN checkpoint, one by one and in batches, until it has or is killed."""

from __future__ import annotations

import sys

from signoff import Proposal, Signoff


def declare(app: Signoff):  # type: ignore[no-untyped-def]
    """Put the checkpoint on an app."""

    @app.checkpoint(oversight="when_uncertain", alpha=0.05)
    def route(text: str) -> str:
        return text

    return route


def main(url: str, name: str, rounds: str) -> None:
    with Signoff(url, workers=0) as app:
        route = declare(app)
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(int(rounds)):
            case = route.propose(text=f"{name} {number}", features={"x": float(number % 2)})
            route.propose_many(
                Proposal(arguments={"text": f"{name} {number}.{n}"}, features={"x": float(n)}) for n in range(3)
            )
            app.reviewer("grace").approve(case)
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
