"""Embedders: texts as vectors, by a model file on this machine or by an endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx2

from signoff.errors import OutsideError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

_AT_ONCE = 64
_TOKENS = 128
_EXTRA = "install signoff[embeddings]"


class LocalEmbedder:
    """
    Embeds with a model file on this machine; nothing leaves it and nothing is downloaded.

    The file is a sentence transformer exported to ONNX: token ids in, the last hidden state out, which is averaged
    over the tokens. The first 128 tokens of a text are read. May be called from several threads.

    Args:
        model: The ONNX file, such as that of all-MiniLM-L6-v2.
        tokenizer: Its `tokenizer.json`; None for the one beside the model.
        sha256: The digest the model file must have, 64 hexadecimal digits.
        threads: Threads, >= 1, that compute one call.

    Raises:
        UsageError: If a file is missing or has another digest, the extra is not installed, or the model takes or
            gives something else.
    """

    def __init__(
        self, model: str | Path, *, sha256: str, tokenizer: str | Path | None = None, threads: int = 1
    ) -> None:
        path = Path(model)
        words = Path(tokenizer) if tokenizer is not None else path.with_name("tokenizer.json")
        if threads < 1:
            raise UsageError(f"threads is {threads}; it is a number of threads, at least 1")
        held, vocabulary = _contents(path, "model"), _contents(words, "tokenizer")
        digest = hashlib.sha256(held).hexdigest()
        if not hmac.compare_digest(digest, sha256.strip().lower()):
            raise UsageError(
                f"the model file {path} has the SHA-256 {digest}, not {sha256}: it is another file than the one that "
                "was chosen; get the right one, or give its digest once you trust it"
            )
        try:
            import onnxruntime
            import tokenizers
        except ImportError as missing:
            raise UsageError(f"embeddings need {missing.name}, which is not installed: {_EXTRA}") from missing
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            # From the bytes whose digest was taken, so that nobody changes the file in between.
            self._session = onnxruntime.InferenceSession(held, options, providers=["CPUExecutionProvider"])
            self._tokenizer = tokenizers.Tokenizer.from_str(vocabulary.decode("utf-8"))
        except Exception as refused:
            raise UsageError(f"{path} with {words} is no model that can be read: {refused}") from refused
        self._inputs = {each.name for each in self._session.get_inputs()}
        if not {"input_ids", "attention_mask"} <= self._inputs <= {"input_ids", "attention_mask", "token_type_ids"}:
            raise UsageError(
                f"{path} takes {sorted(self._inputs)}; a sentence transformer takes input_ids and attention_mask"
            )
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.no_padding()
        # Both files make the vectors, so both are in the name.
        both = hashlib.sha256(bytes.fromhex(digest) + hashlib.sha256(vocabulary).digest()).hexdigest()
        self._name = f"{path.stem}@{both[:12]}"

    @property
    def name(self) -> str:
        """The file's name and the beginning of the digest of model and tokenizer."""
        return self._name

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Embed texts, shape (texts, dimensions)."""
        import numpy as np

        encoded = self._tokenizer.encode_batch([text.encode("utf-8", "replace").decode("utf-8") for text in texts])
        # One length at a time: padding would change the last digits of a vector with what is beside it.
        by_length: dict[int, list[int]] = {}
        for place, tokens in enumerate(encoded):
            by_length.setdefault(len(tokens.ids), []).append(place)
        found: Vectors | None = None
        for places in by_length.values():
            for start in range(0, len(places), _AT_ONCE):
                part = places[start : start + _AT_ONCE]
                vectors = self._run(np.array([encoded[place].ids for place in part], dtype=np.int64))
                if found is None:
                    found = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
                found[part] = vectors
        return np.zeros((0, 0), dtype=np.float32) if found is None else found

    def _run(self, ids: npt.NDArray[np.int64]) -> Vectors:
        import numpy as np

        if not ids.size:
            # No token at all, so no direction either; the width is not known from here.
            ids = np.zeros((len(ids), 1), dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: value for name, value in given.items() if name in self._inputs})[0]
        return unit(hidden.mean(axis=1) if hidden.ndim == 3 else hidden)


class RemoteEmbedder:
    """
    Embeds at an endpoint that speaks OpenAI's protocol; the texts leave this machine.

    A context manager; leaving it ends its connections. May be called from several threads.

    Args:
        url: Where to POST, such as "http://127.0.0.1:11434/v1/embeddings".
        model: The model to name in the request.
        key: The bearer token, if it wants one.
        timeout_s: Seconds, > 0, to wait for one answer.

    Raises:
        UsageError: If the URL is not http or https, or an option is out of its range.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        key: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        if not url.startswith(("https://", "http://")):
            raise UsageError("the embedder's URL begins with https:// or http:// and ends in /embeddings")
        if not timeout_s > 0:
            raise UsageError(f"timeout_s is {timeout_s}; it is a number of seconds, more than 0")
        self._url = url
        self._model = model
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx2.Client(timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    @property
    def name(self) -> str:
        """The model's name; an endpoint that changes the model under the same name cannot be noticed."""
        return self._model

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """
        Embed texts, shape (texts, dimensions).

        Raises:
            OutsideError: If the endpoint cannot be reached, refuses, or answers with something else.
        """
        import numpy as np

        parts = [self._ask(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
        if len({part.shape[1] for part in parts}) > 1:
            raise OutsideError(f"{self._where} gives vectors of different lengths; name one model")
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    @property
    def _where(self) -> str:
        return f"the embedder at {httpx2.URL(self._url).host}"

    def _ask(self, texts: Sequence[str]) -> Vectors:
        # An endpoint refuses an empty text.
        given = [text.encode("utf-8", "replace").decode("utf-8") or " " for text in texts]
        try:
            answer = self._client.post(self._url, json={"model": self._model, "input": given}, headers=self._headers)
        except httpx2.HTTPError as failed:
            raise OutsideError(
                f"{self._where} cannot be reached ({type(failed).__name__}); see that it runs"
            ) from failed
        if answer.status_code != 200:
            raise OutsideError(f"{self._where} answers {answer.status_code}; check the URL, the model and the key")
        try:
            return _read(answer.json(), len(texts))
        except (KeyError, TypeError, ValueError, IndexError) as odd:
            raise OutsideError(f"{self._where} answers with something other than one vector per text") from odd


def _read(answer: Mapping[str, Any], expected: int) -> Vectors:
    import numpy as np

    rows = {int(row["index"]): row["embedding"] for row in answer["data"]}
    vectors = np.array([rows[index] for index in range(expected)], dtype=np.float32)
    if vectors.ndim != 2 or len(rows) != expected:
        raise ValueError("not one vector per text")
    return unit(vectors)


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    """
    Give each row the length 1.

    A row of zeros stays as it is. So does what is not finite: whoever uses the vectors has to notice it.

    Examples:
        >>> import numpy as np
        >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return result


def _contents(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failed:
        raise UsageError(f"the {what} file {path} cannot be read: {failed.strerror}; nothing is downloaded") from failed
