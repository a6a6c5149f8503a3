"""Fifty people at once against the page's core: threads, a fake model server, a knowledge base and a secret each.

python -m benchmarks.fifty_users [--users 50] [--questions 4]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app import talk
from app.settings import Model, Retrieval, Settings
from app.wiring import Wiring
from memory.conversations import Choices
from memory.workspace import Workspace
from retrieval.records import Upload
from tests.stub_llm import StubLLM


def secret(user: int) -> str:
    """What only this user's document says."""
    return f"LILAC-{user:03d}{user * 7919 % 1000:03d}"


def reply(messages: list[dict[str, Any]]) -> str:
    """The fake model repeats whatever codes it was shown, so that a leak would be said aloud."""
    text = " ".join(str(message["content"]) for message in messages)
    codes = sorted({word.strip(".,:") for word in text.split() if word.startswith("LILAC-")})
    return f"The gate code is {' and '.join(codes)} [1]." if codes else "This is not in the documents."


def run(users: int, questions: int, home: Path) -> dict[str, Any]:
    """Let everybody add, ask and remember at the same time; what was lost, what leaked and how long it took."""
    with StubLLM(reply) as stub:
        settings = Settings(
            model=Model(name="stub", provider="openai", base_url=stub.url), retrieval=Retrieval(embedder="hashing")
        )
        wiring = Wiring(settings, Workspace(home))
        ready = threading.Barrier(users)
        started = time.perf_counter()
        with ThreadPoolExecutor(users) as pool:
            found = list(pool.map(lambda user: _person(wiring, user, questions, ready), range(users)))
        seconds = time.perf_counter() - started
    waits = sorted(wait for one in found for wait in one["seconds"])
    return {
        "users": users,
        "questions": users * questions,
        "lost_turns": sum(2 * questions - one["turns"] for one in found),
        "lost_documents": sum(1 - one["documents"] for one in found),
        "wrong_answers": sum(one["wrong"] for one in found),
        "leaks": sum(one["leaks"] for one in found),
        "answer_seconds_median": round(statistics.median(waits), 3),
        "answer_seconds_p95": round(waits[int(len(waits) * 0.95)], 3),
        "seconds": round(seconds, 2),
    }


def _person(wiring: Wiring, user: int, questions: int, ready: threading.Barrier) -> dict[str, Any]:
    name = f"user-{user}"
    text = f"# Gate\n\nThe gate code is {secret(user)}. Tell nobody.\n"
    ready.wait()
    wiring.library("default", name).add([Upload(name="gate.md", data=text.encode())])
    conversations = wiring.conversations()
    conversation = conversations.create(name, choices=Choices(kb="default"))
    seconds, answers = [], []
    for _ in range(questions):
        begun = time.perf_counter()
        *_, turn = talk.ask(wiring, name, conversation.id, "What is the gate code?")
        seconds.append(time.perf_counter() - begun)
        answers.append(turn)
    everything = json.dumps([turn.model_dump(mode="json") for turn in conversations.turns(name, conversation.id)])
    return {
        "turns": len(conversations.turns(name, conversation.id)),
        "documents": len(wiring.library("default", name).documents()),
        "wrong": sum(secret(user) not in turn.text for turn in answers),
        "leaks": everything.count("LILAC-") - everything.count(secret(user)),
        "seconds": seconds,
    }


def main() -> None:
    """Run it and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--questions", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(given.users, given.questions, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
