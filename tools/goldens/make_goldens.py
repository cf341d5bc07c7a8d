"""Golden results of single PyTorch ops, for the raw evaluator of @arfuse/reference.

    python tools/goldens/make_goldens.py packages/reference/test/goldens

needs PyTorch (CPU is enough; the committed files name their version) and writes

    ops.json.gz     cases: op, arguments, results, states of changed arguments, allowed ULP
    sweeps.json.gz  casts and unary ops over every 16-bit pattern

An argument is tagged: {"t": tensor}, {"i": int}, {"f": text}, {"b": bool}, {"n": 0} for None, {"dt": dtype},
{"l": list}, {"s": [start, stop, step]}, {"e": 0} for an ellipsis. Tensors hold their storage bytes in base64. A case of
`kind: formula` is the published formula of an op that PyTorch does not have, evaluated with PyTorch's own ops.
"""

import base64
import gzip
import json
import operator
import sys
from pathlib import Path

import torch

torch.set_num_threads(1)

ABBREVIATIONS = {
    torch.bfloat16: "bf16", torch.float16: "f16", torch.float32: "f32", torch.float64: "f64",
    torch.float8_e4m3fn: "f8e4m3fn", torch.float8_e5m2: "f8e5m2", torch.float8_e8m0fnu: "f8e8m0fnu",
    torch.int8: "i8", torch.uint8: "u8", torch.int16: "i16", torch.int32: "i32", torch.int64: "i64", torch.bool: "b8",
}
BF16, F16, F32, F64 = torch.bfloat16, torch.float16, torch.float32, torch.float64
E4M3, E5M2, E8M0 = torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu
IO = (BF16, F16, F32)


class Writer:
    """Gathers cases; equal tensors are stored once."""

    def __init__(self):
        self.tensors, self.index, self.cases = [], {}, []

    def tensor(self, t):
        t = t.detach().contiguous()
        data = bytes(t.reshape(-1).view(torch.uint8).numpy()) if t.numel() else b""
        key = (ABBREVIATIONS[t.dtype], tuple(t.shape), data)
        if key not in self.index:
            self.index[key] = len(self.tensors)
            self.tensors.append({"dtype": key[0], "shape": list(key[1]), "data": base64.b64encode(data).decode()})
        return self.index[key]

    def arg(self, value):
        if isinstance(value, torch.Tensor):
            return {"t": self.tensor(value)}
        if isinstance(value, bool):
            return {"b": value}
        if isinstance(value, int):
            return {"i": value}
        if isinstance(value, float):
            return {"f": repr(value)}
        if value is None:
            return {"n": 0}
        if value is Ellipsis:
            return {"e": 0}
        if isinstance(value, torch.dtype):
            return {"dt": ABBREVIATIONS[value]}
        if isinstance(value, slice):
            return {"s": [self.arg(value.start), self.arg(value.stop), self.arg(value.step)]}
        if isinstance(value, (list, tuple)):
            return {"l": [self.arg(item) for item in value]}
        if isinstance(value, str):
            return {"str": value}
        raise TypeError(f"no form for {value!r}")

    def case(self, op, *args, ulp=0, zeros=False, via=None, changes=(), only=None, **kwargs):
        """
        Runs one op. `changes` names the arguments that it changes (position or keyword), `only` its first results.
        `zeros`: +0 and -0 may stand for each other, since PyTorch's scalar and vector paths differ.
        """
        spec = {"op": op, "args": [self.arg(a) for a in args], "kwargs": {k: self.arg(v) for k, v in kwargs.items()}}
        copies = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
        named = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
        found = (via or resolve(op))(*copies, **named)
        results = list(found)[:only] if isinstance(found, (list, tuple)) else [found]
        spec["results"] = [self.tensor(r) if isinstance(r, torch.Tensor) else None for r in results]
        if changes:
            spec["states"] = [[k, self.tensor(named[k] if isinstance(k, str) else copies[k])] for k in changes]
        if ulp:
            spec["ulp"] = ulp
        if zeros:
            spec["zeros"] = True
        if via:
            spec["kind"] = "formula"
        self.cases.append(spec)

    def write(self, path):
        document = {"torch": torch.__version__, "tensors": self.tensors, "cases": self.cases}
        text = json.dumps(document, separators=(",", ":"))
        # No time stamp: the same PyTorch gives the same bytes.
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size} bytes")


def resolve(op):
    """The callable of a graph's op name."""
    namespace, _, rest = op.partition(".")
    if namespace == "operator":
        return getattr(operator, rest)
    if namespace == "method":
        return lambda self, *args, **kwargs: getattr(self, rest)(*args, **kwargs)
    if namespace == "torch":
        target = torch
        for part in rest.split("."):
            target = getattr(target, part)
        return target
    packet, _, overload = rest.partition(".")
    return getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")


def single(*values):
    return torch.tensor(values, dtype=F32)


INF, NAN = float("inf"), float("nan")
# Zeros, subnormals of each type, ones and their neighbours, midpoints, overflow limits, infinities, NaN.
EDGES = single(
    0.0, -0.0, 1.0, -1.0, 1.5, -2.0, 3.0, 0.1, -0.1, 1e-6, 2.0**-149, -(2.0**-149), 2.0**-126, 2.0**-133, 2.0**-24, -(2.0**-25),
    2.0**-14, 65504.0, 65519.0, 65520.0, -65536.0, 448.0, 464.0, 465.0, -480.0, 57344.0, 61440.0, 3.3895e38, 3.4e38, -3.4028234663852886e38,
    INF, -INF, NAN, 1.00390625, 1.01171875, 0.99609375, 255.5, 256.5, -7.25, 12345.678,
)


def random(shape, dtype, seed, gain=1.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=generator) * gain).to(dtype)


def operands(dtype):
    """Every edge against every fifth edge, then random values."""
    left = EDGES.repeat_interleave(8)
    right = EDGES[::5].repeat(len(EDGES))
    tail = random((64,), F32, 1), random((64,), F32, 2, 3.0)
    return torch.cat([left, tail[0]]).to(dtype), torch.cat([right, tail[1]]).to(dtype)


def values(dtype, count=88):
    return torch.cat([EDGES, random((count,), F32, 7, 4.0)]).to(dtype)


def binary_cases(w):
    for dtype in IO:
        a, b = operands(dtype)
        for name in ("add", "sub", "mul", "div"):
            w.case(f"aten.{name}.Tensor", a, b)
        for name in ("maximum", "minimum"):
            w.case(f"aten.{name}.default", a, b, zeros=True)
        for name in ("add", "mul", "div", "sub"):
            w.case(f"prims.{name}.default", a, b)
        x = values(dtype)
        for name in ("add", "sub", "mul", "div"):
            for scalar in (1e-6, 0.1, 2, -3, 0, 1e-30, 1e10):
                w.case(f"aten.{name}.Tensor", x, scalar)
        w.case("aten.mul.Scalar", x, 0.22)
        w.case("aten.add.Scalar", x, 1.0)
        # A power of two: whether alpha is fused into the addition depends on the CPU.
        w.case("aten.add.Tensor", a[-64:], b[-64:], alpha=0.5)
        w.case("aten.sub.Tensor", a[-64:], b[-64:], alpha=2)
        w.case("aten.rsub.Scalar", x, 1.0)
        for name in ("add", "sub", "mul", "truediv"):
            w.case(f"operator.{name}", a, b)
        w.case("operator.add", x, 1e-5)
        w.case("operator.add", 1.0, x)
        w.case("operator.mul", 0.22, x)
        w.case("operator.sub", 1.0, x)
        w.case("operator.truediv", 1.0, x)
        w.case("operator.truediv", x, 448.0)
        w.case("operator.neg", x)
        w.case("operator.pow", x, 2)
        w.case("operator.truediv", 3.0, x)
        for name in ("add", "mul", "sub", "div", "true_divide", "maximum", "minimum"):
            w.case(f"torch.{name}", a, b, zeros=name.endswith("imum"))
        for name in ("add", "mul", "sub", "div", "maximum", "minimum"):
            w.case(f"method.{name}", a, b, zeros=name.endswith("imum"))
        w.case("torch.mul", x, 0.5)
        w.case("torch.add", x, 1e-6)
        w.case("torch.add", input=a[-64:], other=b[-64:], alpha=2)
        for name in ("iadd", "imul", "isub", "itruediv"):
            w.case(f"operator.{name}", a, b, changes=[0])
        for name in ("add_", "sub_", "mul_", "div_"):
            w.case(f"aten.{name}.Tensor", a, b, changes=[0])
            w.case(f"method.{name}", a, b, changes=[0])
        w.case("operator.imul", x, 1.5, changes=[0])
        w.case("method.mul_", x, 0.22, changes=[0])


def promotion_cases(w):
    kinds = (BF16, F16, F32, F64, torch.int32, torch.int64)
    small = single(0.0, 1.0, -2.0, 3.0, 7.0, 100.0, 33.0, 5.0)
    other = single(3.0, 7.0, -1.0, 1.0, 0.3, 11.0, 2.7, 1e-3)
    for left in kinds:
        for right in kinds:
            a = small.to(left)
            b = other.to(right) if right.is_floating_point else small.flip(0).to(right)
            for name in ("add", "mul"):
                w.case(f"aten.{name}.Tensor", a, b)
                w.case(f"aten.{name}.Tensor", a, b[4])  # a 0-dim tensor does not raise the dtype within its category
                w.case(f"operator.{name}", b[4], a)
                w.case(f"aten.{name}.Tensor", a, b[4:5])  # one element with a dimension does
                w.case(f"aten.{name}.Tensor", a[1], b[4])
        w.case("aten.div.Tensor", small.to(left), other.to(F32))
        w.case("aten.mul.Tensor", small.to(left), 2.0)
        w.case("aten.mul.Tensor", small.to(left), 0.1)
        w.case("aten.add.Tensor", small.to(left), 2)
        w.case("aten.mul.Tensor", small.to(left), torch.tensor(True))
        w.case("aten.mul.Tensor", small.to(left), torch.tensor([True, False] * 4))
    w.case("aten.div.Tensor", small.to(torch.int64), 2)
    w.case("aten.div.Tensor", small.to(torch.int64), torch.tensor([1, 2, 3, 4, 5, 6, 7, 8]))
    for dtype in IO:
        x, row, column = random((5, 16), dtype, 3), random((16,), dtype, 4), random((5, 1), F32, 5)
        w.case("aten.mul.Tensor", x, row)
        w.case("aten.mul.Tensor", row, x)
        w.case("aten.mul.Tensor", x, column)
        w.case("aten.mul.Tensor", column, x)
        w.case("aten.add.Tensor", random((2, 1, 16), dtype, 6), random((1, 3, 16), dtype, 7))
        w.case("aten.add.Tensor", random((2, 1, 4), dtype, 6), random((3, 1), dtype, 7))
        w.case("aten.add.Tensor", random((2, 3, 4), dtype, 6), random((2, 1, 4), dtype, 7))
        w.case("aten.add_.Tensor", x, random((5, 16), F32, 9), changes=[0])
        w.case("operator.iadd", x, random((16,), F32, 9), changes=[0])


def unary_cases(w):
    # Exact, rsqrt as 1/sqrt with two roundings; but PyTorch takes the float32 sqrt from a library that is not.
    exact = ("neg", "abs", "sqrt", "reciprocal", "ceil", "rsqrt")
    for dtype in IO:
        x = values(dtype)
        for name in exact:
            ulp = 1 if name == "sqrt" and dtype is F32 else 0
            w.case(f"aten.{name}.default", x, ulp=ulp)
            w.case(f"torch.{name}", x, ulp=ulp)
            w.case(f"method.{name}", x, ulp=ulp)
        w.case("prims.rsqrt.default", x)
        w.case("prims.neg.default", x)
        w.case("prims.abs.default", x)
        for name in ("exp2", "log2"):
            w.case(f"aten.{name}.default", x, ulp=1)
        for exponent in (2, 2.0, 1, -1):
            w.case("aten.pow.Tensor_Scalar", x, exponent)
        for exponent in (0.5, -0.5, 1.5, 3, -2):
            w.case("aten.pow.Tensor_Scalar", x, exponent, ulp=1)
        w.case("torch.pow", x, 2)
        w.case("method.pow", x, 2)
        w.case("method.square", x)
        w.case("aten.square.default", x)
        w.case("aten.pow.Tensor_Tensor", x.abs(), torch.full_like(x, 2.0), ulp=1)
        for low, high in ((-448.0, 448.0), (None, 6.0), (-1, None), (1e-10, None), (1e-12, 448.0)):
            w.case("aten.clamp.default", x, low, high, zeros=True)
            w.case("method.clamp", x, min=low, max=high, zeros=True)
        w.case("torch.clamp", x, -448.0, max=448.0)
        w.case("torch.clamp", input=x, min=1e-4, zeros=True)
        w.case("aten.clamp_min.default", x, 1e-10, zeros=True)
        w.case("aten.clamp_max.default", x, 448.0)
        w.case("aten.clamp_min.Tensor", x, torch.tensor(0.25, dtype=dtype))
        w.case("aten.clamp.Tensor", x, torch.tensor(-2.0, dtype=dtype), torch.tensor(3.0, dtype=dtype))
        w.case("method.clamp_", x, -448.0, 448.0, changes=[0])
        w.case("method.clamp_min", x, 1e-10, zeros=True)
    whole = torch.tensor([4, 9, 16, 3])
    w.case("aten.rsqrt.default", whole)
    w.case("aten.reciprocal.default", whole)
    w.case("aten.neg.default", whole)
    w.case("aten.pow.Tensor_Scalar", whole, 2)


def cast_cases(w):
    targets = (BF16, F16, F32, F64, E4M3, E5M2, E8M0)
    for source in (BF16, F16, F32, F64):
        x = torch.cat([values(source).to(F64), single(*(2.0**e * m for e in range(-12, 10) for m in (1, 1.0625, 1.125, 1.1875, 1.5))).to(F64)]).to(source)
        if source is F64:
            # Values just beside a midpoint of the target: two roundings through float32 differ from one.
            near = [1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-8 - 2.0**-40, 1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-24 + 2.0**-50, 17 + 2.0**-30, 464.0000001]
            x = torch.cat([x, torch.tensor(near + [-n for n in near], dtype=F64)])
        for target in targets:
            w.case("aten.to.dtype", x, target)
            w.case("aten._to_copy.default", x, dtype=target)
            w.case("prims.convert_element_type.default", x, target)
            w.case("method.to", x, target)
        w.case("method.to", x, dtype=F32)
        for name in ("float", "half", "bfloat16", "double"):
            w.case(f"method.{name}", x)
        w.case("method.type_as", x, single(1.0).to(BF16))
        w.case("aten.type_as.default", x, single(1.0).to(F32))
        w.case("method.to", x, single(1.0).to(F16))
        w.case("method.to", x, BF16, True, copy=True)
    for source in (E4M3, E5M2, E8M0):
        codes = torch.arange(256, dtype=torch.int32).to(torch.uint8).view(source)
        for target in (BF16, F16, F32):
            w.case("aten.to.dtype", codes, target)
    whole = torch.tensor([0, 1, -1, 255, 256, 257, 2049, 65519, 65520, 16777217, -16777219, 2147483647], dtype=torch.int64)
    for target in (BF16, F16, F32, F64, torch.int32, torch.bool):
        w.case("aten.to.dtype", whole, target)
    for target in (torch.int32, torch.int64, torch.bool):
        w.case("aten.to.dtype", single(0.0, -0.0, 0.5, -0.5, 1.9, -1.9, 100.5, -7.0), target)
    w.case("aten.to.dtype", torch.tensor([True, False]), BF16)


def reduction_cases(w):
    # Sums are made in another order here than there: one ULP. Largest elements are exact.
    special = random((6, 48), F32, 21)
    special[1, 5], special[2, 7], special[3] = INF, NAN, 0.0
    special[4] = -special[4].abs()
    special[5, 3], special[5, 4] = INF, -INF
    for dtype in IO:
        x = special.to(dtype)
        for inputs in (x, random((3, 1024), dtype, 22), random((2, 3, 40), dtype, 23)):
            squares = inputs.pow(2)
            w.case("aten.mean.dim", squares, [-1], True, ulp=1)
            w.case("aten.mean.dim", squares, [-1], ulp=1)
            w.case("method.mean", squares, -1, keepdim=True, ulp=1)
            w.case("torch.mean", squares, dim=-1, keepdim=True, ulp=1)
            w.case("aten.sum.dim_IntList", inputs.abs(), [-1], True, ulp=1)
            w.case("aten.amax.default", inputs, [-1], True)
            w.case("aten.amax.default", inputs, [-1])
            w.case("aten.amin.default", inputs, [-1], True)
            w.case("method.amax", inputs, dim=-1, keepdim=True)
            w.case("aten.max.dim", inputs, -1, True, only=1)
            w.case("aten.max.default", inputs)
            w.case("torch.max", inputs)
        w.case("aten.mean.dim", x.pow(2), [-1], True, dtype=F32, ulp=1)
        w.case("aten.sum.dim_IntList", x.abs(), [-1], dtype=F32, ulp=1)
        w.case("aten.sum.default", x[:1].abs(), ulp=1)
        w.case("aten.mean.default", x[:1].abs(), ulp=1)
        w.case("aten.mean.dim", random((4, 5, 6), dtype, 24).abs(), [-1, -2], ulp=2)
        w.case("aten.amax.default", random((4, 5, 6), dtype, 25), [1, 2])
        w.case("aten.mean.dim", random((4, 16), dtype, 26).abs(), [1], True, ulp=1)
    w.case("aten.sum.dim_IntList", torch.tensor([[1, 2], [3, 4]]), [-1])


def shape_cases(w):
    x = random((4, 6, 8), BF16, 31)
    for op in ("aten.view.default", "aten.reshape.default", "aten._unsafe_view.default"):
        w.case(op, x, [24, 8])
        w.case(op, x, [-1, 8])
    w.case("method.view", x, 24, 8)
    w.case("method.view", x, (24, 8))
    w.case("method.view", x, -1, 8)
    w.case("method.reshape", x, [4, -1])
    w.case("torch.reshape", x, (24, 8))
    w.case("aten.view.dtype", x, BF16)
    w.case("method.view", x, BF16)
    w.case("method.view_as", x, random((24, 8), F32, 1))
    w.case("aten.flatten.using_ints", x, 0, 1)
    w.case("torch.flatten", x, 0, -2)
    w.case("method.flatten", x)
    for dim in (0, 1, -1, 3):
        w.case("aten.unsqueeze.default", x, dim)
        w.case("method.unsqueeze", x, dim)
    one = random((4, 1, 8, 1), F16, 32)
    w.case("aten.squeeze.dim", one, -1)
    w.case("aten.squeeze.dim", one, 0)
    w.case("aten.squeeze.dims", one, [1, 3])
    w.case("method.squeeze", one, 1)
    w.case("aten.squeeze.default", one)
    for start, stop in ((0, 4), (1, 3), (0, 9223372036854775807), (-2, 9223372036854775807), (2, -1), (5, 9)):
        w.case("aten.slice.Tensor", x, 1, start, stop)
    w.case("aten.slice.Tensor", x, -1, 2, 7)
    w.case("aten.slice.Tensor", x, 2, 0, 8, 2)
    w.case("aten.slice.Tensor", x)
    w.case("aten.narrow.default", x, 1, 2, 3)
    w.case("aten.select.int", x, 0, 2)
    w.case("aten.select.int", x, -1, -1)
    w.case("operator.getitem", x, (slice(None, None, None), slice(1, 3, None)))
    w.case("operator.getitem", x, (Ellipsis, slice(None, 4, None)))
    w.case("operator.getitem", x, slice(1, 3, None))
    w.case("operator.getitem", x, (slice(None, None, None), None))
    w.case("operator.getitem", x, (slice(None, None, None), 0))
    w.case("operator.getitem", x, (Ellipsis, -1))
    w.case("operator.getitem", x, (slice(None, None, None), slice(0, 6, 2)))
    w.case("aten.permute.default", x, [2, 0, 1])
    w.case("method.permute", x, 0, 2, 1)
    w.case("method.permute", x, (-1, 0, 1))
    w.case("aten.transpose.int", x, 0, 1)
    w.case("aten.transpose.int", x, -2, -1)
    w.case("method.transpose", x, 1, 2)
    w.case("aten.t.default", x[0])
    w.case("method.t", x[0])
    w.case("aten.expand.default", random((1, 8), BF16, 33), [5, 8])
    w.case("aten.expand.default", random((8,), BF16, 33), [2, 3, -1])
    w.case("method.expand", random((4, 1), F32, 34), 4, 6)
    w.case("method.expand", random((4, 1), F32, 34), (-1, 6))
    w.case("method.expand_as", random((4, 1), F32, 34), random((4, 6), F32, 35))
    for op in ("aten.clone.default", "aten.contiguous.default", "aten.detach.default", "aten.alias.default", "method.contiguous", "method.clone", "torch.clone", "method.detach"):
        w.case(op, x)
    w.case("aten.clone.default", x, memory_format=None)


def creation_cases(w):
    x = random((3, 4), BF16, 41)
    w.case("aten.zeros_like.default", x)
    w.case("aten.ones_like.default", x, dtype=F32)
    w.case("torch.zeros_like", x)
    w.case("aten.full_like.default", x, 0.1)
    w.case("aten.zeros.default", [3, 4], dtype=BF16)
    w.case("aten.ones.default", [2], dtype=F16)
    w.case("aten.zeros.default", [2])
    w.case("aten.full.default", [2, 3], 0.1, dtype=BF16)
    w.case("aten.full.default", [2, 3], 0.1)
    w.case("aten.full.default", [], 448.0)
    w.case("torch.full", (2,), 7)
    w.case("method.new_zeros", x, (2, 5))
    w.case("aten.new_zeros.default", x, [2, 2], dtype=F32)
    w.case("method.fill_", x, 0.1, changes=[0])
    w.case("method.zero_", x, changes=[0])
    w.case("aten.copy.default", x, random((3, 4), F32, 42))
    w.case("aten.copy.default", x, random((4,), F32, 42))
    w.case("aten.copy_.default", x, random((3, 4), F32, 42), changes=[0])
    w.case("method.copy_", x, random((3, 1), F32, 43), changes=[0])
    mask = torch.tensor([[True, False, True, False]] * 3)
    w.case("aten.where.self", mask, x, random((3, 4), BF16, 44))
    w.case("method.masked_fill", x, mask, 0.1)
    w.case("method.masked_fill_", x, mask, -INF, changes=[0])


def ir_norm(x, weight, epsilon):
    """vLLM 0.33 IR: norm in float32, multiply in the weight's dtype, cast back."""
    wide = x.to(F32)
    normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return normed.to(x.dtype) if weight is None else (normed.to(weight.dtype) * weight).to(x.dtype)


def ir_add_norm(x, x_residual, weight, epsilon):
    """The same, of the float32 sum; the sum is cast on its way out."""
    wide = x.to(F32) + x_residual.to(F32)
    normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return (normed.to(weight.dtype) * weight).to(x.dtype), wide.to(x.dtype)


def norm_cases(w):
    for dtype in IO:
        # In float32 the roundings after the sum stay visible: each side may be 1.5 ULP from the exact value.
        ulp = 3 if dtype is F32 else 1
        rows = torch.cat([random((3, 64), F32, 51), random((1, 64), F32, 52, 2.0**-12), random((1, 64), F32, 53, 50.0), torch.zeros(1, 64)])
        rows[2, 9] = NAN
        x, residual = rows.to(dtype), random((6, 64), dtype, 54)
        for weight in ((random((64,), F32, 55, 0.3) + 1).to(dtype), random((64,), F32, 56) + 1):
            if weight.dtype == dtype:
                w.case("aten._fused_rms_norm.default", x, [64], weight, 1e-6, ulp=1, only=1)
            w.case("aten.rms_norm.default", x, [64], weight, 1e-5, ulp=1)
            w.case("torch.nn.functional.rms_norm", x, (64,), weight, 1e-6, ulp=1)
            w.case("vllm_ir.rms_norm.default", x, weight, 1e-6, via=ir_norm, ulp=1)
            w.case("vllm_ir.fused_add_rms_norm.default", x, residual, weight, 1e-5, via=ir_add_norm, ulp=ulp)
        w.case("aten.rms_norm.default", x, [64], ulp=1)
        w.case("aten.rms_norm.default", x, [64], (random((64,), F32, 55, 0.3) + 1).to(dtype), ulp=1)
        w.case("torch.rms_norm", x, (64,), None, 1e-6, ulp=1)
        w.case("vllm_ir.rms_norm.default", x, None, 1e-6, via=ir_norm, ulp=1)


def sweep_cases(w):
    """Unary ops over every pattern of the 16-bit types; the input is not stored."""
    codes = torch.arange(65536, dtype=torch.int32).to(torch.int16)
    for source in (BF16, F16):
        x = codes.view(source)
        sweeps = [("aten.to.dtype", [E4M3]), ("aten.to.dtype", [E5M2]), ("aten.to.dtype", [E8M0]), ("aten.to.dtype", [F16 if source is BF16 else BF16])]
        sweeps += [("aten.rsqrt.default", []), ("aten.sqrt.default", []), ("aten.reciprocal.default", []), ("aten.pow.Tensor_Scalar", [2])]
        for op, rest in sweeps:
            result = resolve(op)(x, *rest)
            w.cases.append({"op": op, "sweep": ABBREVIATIONS[source], "args": [w.arg(r) for r in rest], "results": [w.tensor(result)]})


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ops = Writer()
    for part in (binary_cases, promotion_cases, unary_cases, cast_cases, reduction_cases, shape_cases, creation_cases, norm_cases):
        part(ops)
    ops.write(folder / "ops.json.gz")
    sweeps = Writer()
    sweep_cases(sweeps)
    sweeps.write(folder / "sweeps.json.gz")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
