"""Gives exported configurations to vLLM's own code. Reads cases from standard input, writes results to the given file.

Nothing is launched: `VllmConfig` is built as a server would build it, on the CPU, for a Llama of the case's hidden size.
The fusion pass's module needs a CUDA build when imported, so its functions are compiled from its source, alone.
"""

import ast
import json
import pathlib
import platform
import shlex
import sys
import tempfile
import types

import torch
import vllm
from pydantic import ValidationError
from vllm.config import (
    CompilationConfig,
    ModelConfig,
    ParallelConfig,
    PassConfig,
    SchedulerConfig,
    VllmConfig,
)
from vllm.config.utils import Range
from vllm.engine.arg_utils import EngineArgs
from vllm.utils.argparse_utils import FlexibleArgumentParser

PASS = pathlib.Path(vllm.__file__).parent / "compilation/passes/fusion/allreduce_rms_fusion.py"
TABLES = {
    "fusedMiB": "FI_ALLREDUCE_FUSION_MAX_SIZE_MB",
    "oneShotMiB": "_FI_ALLREDUCE_ONE_SHOT_MAX_SIZES_MB",
}


def from_pass() -> dict:
    """The size tables, the choice of form, the widest hidden size and the range rule of the fusion pass."""
    wanted = {
        *TABLES.values(),
        "MiB",
        "_select_flashinfer_allreduce_use_oneshot",
        "_fused_ar_workspace_hidden_dim",
    }
    body = []
    for node in ast.parse(PASS.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "AllReduceFusionPass":
            body += [one for one in node.body if getattr(one, "name", "") == "is_applicable_for_range"]
        names = {getattr(node, "name", None)}
        names |= {one.id for one in getattr(node, "targets", []) if isinstance(one, ast.Name)}
        names |= {node.target.id} if isinstance(node, ast.AnnAssign) else set()
        if names & wanted:
            body.append(node)
    found = {"Range": Range, "VllmConfig": VllmConfig}
    exec(compile(ast.Module(body=body, type_ignores=[]), str(PASS), "exec"), found)
    return found


def model_config(folder: str, hidden: int, max_tokens: int) -> ModelConfig:
    pathlib.Path(folder, "config.json").write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "hidden_size": hidden,
                "intermediate_size": 4 * hidden,
                "num_hidden_layers": 2,
                "num_attention_heads": hidden // 64,
                "num_key_value_heads": hidden // 64,
                "head_dim": 64,
                "vocab_size": 32000,
                "max_position_embeddings": max_tokens,
                "rms_norm_eps": 1e-5,
                "torch_dtype": "bfloat16",
            }
        )
    )
    return ModelConfig(
        model=folder, skip_tokenizer_init=True, dtype="bfloat16", max_model_len=max_tokens
    )


def engine_config(case: dict) -> VllmConfig:
    """The configuration of a server that is started with the case's flag."""
    parser = EngineArgs.add_cli_args(FlexibleArgumentParser())
    arguments = parser.parse_args(["--model", "unused", *shlex.split(case["flag"])])
    with tempfile.TemporaryDirectory() as folder:
        return VllmConfig(
            model_config=model_config(folder, case["hidden"], case["maxTokens"]),
            parallel_config=ParallelConfig(
                tensor_parallel_size=case["groupSize"], distributed_executor_backend="mp"
            ),
            scheduler_config=SchedulerConfig(
                max_num_batched_tokens=case["maxTokens"],
                max_num_seqs=256,
                max_model_len=case["maxTokens"],
                is_encoder_decoder=False,
            ),
            compilation_config=arguments.compilation_config,
        )


def check_case(case: dict, code: dict) -> dict:
    CompilationConfig(**case["config"])
    built = engine_config(case)
    passes = built.compilation_config.pass_config
    limit = passes.flashinfer_max_size(case["groupSize"]) if passes.fuse_allreduce_rms else 0
    hidden = code["_fused_ar_workspace_hidden_dim"](built)
    row = hidden * built.model_config.dtype.itemsize
    tokens = min(limit // row, built.scheduler_config.max_num_batched_tokens)
    rule = types.SimpleNamespace(disabled=False, max_token_num=tokens)
    ranges = built.compilation_config.get_compile_ranges()
    fused = [one for one in ranges if code["is_applicable_for_range"](rule, one)]

    def one_shot(rows: int) -> bool:
        choose = code["_select_flashinfer_allreduce_use_oneshot"]
        return choose("trtllm", case["capability"], case["groupSize"], rows * row)

    last = case["lastOneShot"]
    forms = last is None or (one_shot(last) and not one_shot(last + 1))
    return {
        "name": case["name"],
        "config": case["config"],
        "planned": case["fusedUpTo"],
        "fusedUpTo": tokens,
        "ranges": [[one.start, one.end] for one in ranges],
        "fusedRanges": [[one.start, one.end] for one in fused],
        "passed": {
            "limit is the planned row count": tokens == case["fusedUpTo"],
            "fused ranges are 1 to the planned row count": (
                [fused[0].start, fused[-1].end] == [1, case["fusedUpTo"]] if fused else case["fusedUpTo"] == 0
            ),
            "one-shot up to the row count that the export says, two-shot above": forms,
        },
    }


def wrong_limits(limits: list[dict]) -> list[dict]:
    """Limits that vLLM divides into another row count than the one they were made for."""

    def rows(one: dict) -> int:
        passes = PassConfig(fuse_allreduce_rms=True, fi_allreduce_fusion_max_size_mb=one["mb"])
        return passes.flashinfer_max_size(2) // one["row"]

    return [one for one in limits if rows(one) != one["tokens"]]


def refusal(config: dict) -> str | None:
    """What vLLM says against a configuration; None when it takes it."""
    try:
        CompilationConfig(**config)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return None


def main() -> None:
    given = json.load(sys.stdin)
    code = from_pass()
    tables = {
        name: {str(cap): {str(size): mib for size, mib in row.items()} for cap, row in code[table].items()}
        for name, table in TABLES.items()
    }
    result = {
        "versions": {
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "cases": [check_case(case, code) for case in given["cases"]],
        "limits": {"tried": len(given["limits"]), "wrong": wrong_limits(given["limits"])},
        "refused": [{"config": one, "says": refusal(one)} for one in given["refused"]],
        "tablesEqual": tables == given["tables"],
    }
    pathlib.Path(sys.argv[1]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
