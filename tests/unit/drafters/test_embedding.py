"""Embedders: what they refuse, and that a text's vector does not depend on what is beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signoff.drafters.embedding import LocalEmbedder, RemoteEmbedder, unit
from signoff.errors import OutsideError, UsageError

WORDS = (
    "CAgSADrlAQotCgV0YWJsZQoJaW5wdXRfaWRzEhFsYXN0X2hpZGRlbl9zdGF0ZSIGR2F0aGVyEgV3b3Jkcyo/CAQIAxABQgV0YWJs"
    "ZUowAAAAAAAAAAAAAIA/AACAPwAAAAAAAAAAAAAAAAAAgD8AAAAAmpkZP83MTD8AAAAAWh0KCWlucHV0X2lkcxIQCg4IBxIKCgMS"
    "AWIKAxIBbFoiCg5hdHRlbnRpb25fbWFzaxIQCg4IBxIKCgMSAWIKAxIBbGIpChFsYXN0X2hpZGRlbl9zdGF0ZRIUChIIARIOCgMS"
    "AWIKAxIBbAoCCANCBAoAEBE="
)
"""An ONNX model of one node: it looks four words up in a table of vectors (0,0,1), (1,0,0), (0,1,0), (.6,.8,0)."""


class Endpoint(ThreadingHTTPServer):
    """Speaks the protocol on this machine: a text's vector is made of its length."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.answer: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/embeddings"


class Answer(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        self.server.keys.append(self.headers["Authorization"])
        rows = [{"index": i, "embedding": [3.0, float(len(text))]} for i, text in enumerate(asked["input"])]
        made = {"data": rows[::-1]} if self.server.answer is None else self.server.answer
        body = json.dumps(made).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(60)


class TestRemote:
    def test_each_text_gets_its_vector_whatever_the_order_of_the_answer(self, endpoint: Endpoint) -> None:
        with RemoteEmbedder(endpoint.url, model="m-1", key="secret") as embed:
            found = embed(["1234", "", "\ud800"])
        assert embed.name == "m-1"
        assert found.dtype == np.float32
        assert found[0].tolist() == pytest.approx([0.6, 0.8])
        assert np.linalg.norm(found, axis=1).tolist() == pytest.approx([1, 1, 1])
        # An endpoint refuses an empty text, and UTF-8 half a character.
        assert endpoint.asked == [{"model": "m-1", "input": ["1234", " ", "?"]}]
        assert endpoint.keys == ["Bearer secret"]

    def test_many_are_asked_for_in_parts(self, endpoint: Endpoint) -> None:
        with RemoteEmbedder(endpoint.url, model="m") as embed:
            found = embed(["x" * (number % 7) for number in range(150)])
            assert embed([]).shape[0] == 0
        assert [len(asked["input"]) for asked in endpoint.asked] == [64, 64, 22]
        assert found.shape == (150, 2)
        assert found[3].tolist() == found[143].tolist()

    @pytest.mark.parametrize(
        "answer",
        [{}, [], {"data": []}, {"data": [{"index": 0}]}, {"data": [{"index": 0, "embedding": "x"}]}, {"data": None}],
    )
    def test_another_answer_is_refused(self, endpoint: Endpoint, answer: Any) -> None:
        endpoint.answer = answer
        with RemoteEmbedder(endpoint.url, model="m") as embed, pytest.raises(OutsideError, match="something other"):
            embed(["a"])

    def test_a_refusal_is_said_without_the_texts(self, endpoint: Endpoint) -> None:
        endpoint.status = 401
        with (
            RemoteEmbedder(endpoint.url, model="m") as embed,
            pytest.raises(OutsideError, match="answers 401") as raised,
        ):
            embed(["my secret message"])
        assert "secret" not in str(raised.value)

    def test_nobody_there_is_said(self) -> None:
        with Endpoint() as gone:
            url = gone.url
        with RemoteEmbedder(url, model="m") as embed, pytest.raises(OutsideError, match="cannot be reached"):
            embed(["a"])

    @pytest.mark.parametrize("options", [{"url": "ftp://x/embeddings"}, {"timeout_s": 0}, {"timeout_s": float("nan")}])
    def test_options_out_of_range(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            RemoteEmbedder(**{"url": "http://127.0.0.1/v1/embeddings", "model": "m", **options})


class TestLocal:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"model file .*nowhere\.onnx cannot be read"):
            LocalEmbedder(tmp_path / "nowhere.onnx", sha256="0" * 64)

    def test_another_file_than_the_one_chosen_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(b"something else")
        (tmp_path / "tokenizer.json").write_text("{}")
        digest = hashlib.sha256(b"something else").hexdigest()
        with pytest.raises(UsageError, match=digest):
            LocalEmbedder(tmp_path / "model.onnx", sha256="0" * 64)

    def test_a_file_that_is_no_model_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(b"something else")
        (tmp_path / "tokenizer.json").write_text("{}")
        digest = hashlib.sha256(b"something else").hexdigest()
        # Where the extra is not installed, that is what is said.
        with pytest.raises(UsageError, match=r"no model that can be read|signoff\[embeddings\]"):
            LocalEmbedder(tmp_path / "model.onnx", sha256=digest.upper())

    def test_threads_out_of_range(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="at least 1"):
            LocalEmbedder(tmp_path / "m.onnx", sha256="0" * 64, threads=0)

    def test_a_model_embeds_and_a_vector_does_not_depend_on_its_neighbours(self, tmp_path: Path) -> None:
        pytest.importorskip("onnxruntime")
        tokenizers = pytest.importorskip("tokenizers")
        path = tmp_path / "words.onnx"
        path.write_bytes(base64.b64decode(WORDS))
        words = tokenizers.models.WordLevel({"[UNK]": 0, "my": 1, "parcel": 2, "late": 3}, unk_token="[UNK]")
        tokenizer = tokenizers.Tokenizer(words)
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        tokenizer.save(str(tmp_path / "tokenizer.json"))

        embed = LocalEmbedder(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        texts = ["my parcel", "late", "", "my parcel is late " * 9, "\ud800"]
        found = embed(texts)
        assert found[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 0])
        assert found[1].tolist() == pytest.approx([0.6, 0.8, 0])
        assert [embed([text])[0].tolist() for text in texts] == found.tolist()
        assert np.isfinite(found).all()
        assert embed.name.startswith("words@")
        assert embed([]).shape[0] == 0


def test_unit_leaves_alone_what_has_no_length() -> None:
    found = unit(np.array([[0.0, 0.0], [np.nan, 1.0], [0.0, 2.0]]))
    assert found[0].tolist() == [0, 0]
    assert np.isnan(found[1]).any()
    assert found[2].tolist() == [0, 1]
