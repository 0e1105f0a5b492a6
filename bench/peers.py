# SPDX-License-Identifier: BSD-3-Clause
"""The Python peers of starp-bench: NumPy, numexpr, SciPy. A child process; peers.c says what is asked and answered.

A bench is a function (case, n) -> {peer: function}, if there is one; the functions compute what the case of the same name in
bench_NAME.c computes, on the same data. The time of a run includes dropping the previous result, as ours does. Short
functions are repeated and averaged.
"""
import math
import os
import sys
import time

try:
    import numpy as np
except ImportError:
    sys.exit(1)  # the harness says it
try:
    import numexpr as ne
except ImportError:
    ne = None
try:
    import scipy
    import scipy.fft
    import scipy.special
except ImportError:
    scipy = None

SHORTEST = 0.02  # seconds of a run


def uniform(n, seed, lo, hi):
    """As bench_uniform in host.c."""
    v = np.arange(n, dtype=np.uint32)
    v *= np.uint32(2654435761)
    v += np.uint32(seed * 2654435769 % 2**32)
    v ^= v >> np.uint32(15)
    v *= np.uint32(2246822519)
    v ^= v >> np.uint32(13)
    return lo + (hi - lo) * ((v + 0.5) * 2.0**-32)


def evaluator(text, names, out=None):
    """numexpr on the given variables."""
    return lambda: ne.evaluate(text, local_dict=names, global_dict={}, out=out)


def into(out, *steps):
    """Ufunc calls (ufunc, operand, ...) that all write into out."""
    def run():
        for ufunc, *operands in steps:
            ufunc(*operands, out=out)
        return out
    return run


def stream(case, n):
    op, kind = case.split("-")
    s, a, b = 3.0, uniform(n, 1, -1, 1), uniform(n, 2, -1, 1)
    c = np.zeros(n)
    fresh = {"copy": lambda: np.copy(a), "scale": lambda: s * a, "add": lambda: a + b, "triad": lambda: s * a + b}
    reused = {
        "copy": into(c, (np.positive, a)),
        "scale": into(c, (np.multiply, s, a)),
        "add": into(c, (np.add, a, b)),
        "triad": into(c, (np.multiply, s, a), (np.add, c, b)),
    }
    text = {"copy": "a", "scale": "3.0*a", "add": "a+b", "triad": "3.0*a+b"}[op]
    names = {"a": a, "b": b}
    if kind == "fresh":
        return {"numpy": fresh[op], "numexpr": evaluator(text, names)}
    return {"numpy": reused[op], "numexpr": evaluator(text, names, out=c)}


def chain_math(n):
    x = uniform(n, 1, 0, 3.2)
    return {
        "numpy": lambda: np.log1p(np.exp(-np.sqrt(np.abs(np.sin(x) * 1.5 + 0.3))) + x * x),
        "numexpr": evaluator("log1p(exp(-sqrt(abs(sin(x)*1.5+0.3)))+x*x)", {"x": x}),
    }


def chain_black_scholes(n):
    spot, strike, t = uniform(n, 1, 50, 150), uniform(n, 2, 60, 140), uniform(n, 3, 0.1, 2)
    rate, volatility = 0.03, 0.25

    def cdf(d):
        return 0.5 * (1.0 + scipy.special.erf(d * math.sqrt(0.5)))

    def prices():
        spread = volatility * np.sqrt(t)
        d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * t) / spread
        n1, n2 = cdf(d1), cdf(d1 - spread)
        value = strike * np.exp(-rate * t)
        return spot * n1 - value * n2, value * (1.0 - n2) - spot * (1.0 - n1)
    return {"scipy": prices}


def chain_polynomial(n, degree=20):
    x = uniform(n, 1, -1, 1)
    c = [(-1.0 if k % 2 else 1.0) / (k + 1) for k in range(degree + 1)]
    text = repr(c[degree])
    for k in reversed(range(degree)):
        text = f"({text})*x+({c[k]!r})"

    def horner():
        p = c[degree]
        for k in reversed(range(degree)):
            p = p * x + c[k]
        return p
    return {"numpy": horner, "numexpr": evaluator(text, {"x": x})}


def chain_simple(n, rounds=5):
    a, b = uniform(n, 1, -1, 1), uniform(n, 2, -1, 1)
    text = "a"
    for k in range(1, rounds + 1):
        text = f"abs(({text})*b+a-{0.1 * k!r}*b)*0.5"

    def simple():
        t = a
        for k in range(1, rounds + 1):
            t = np.abs(t * b + a - 0.1 * k * b) * 0.5
        return t
    return {"numpy": simple, "numexpr": evaluator(text, {"a": a, "b": b})}


def chain(case, n):
    cases = {"math": chain_math, "black-scholes": chain_black_scholes, "polynomial": chain_polynomial,
             "simple": chain_simple}
    return cases[case](n)


def stencil(case, n):
    u = uniform(n * n, 1, 0, 1).reshape(n, n)
    up, down, left, right = u[:-2, 1:-1], u[2:, 1:-1], u[1:-1, :-2], u[1:-1, 2:]
    centre = u[1:-1, 1:-1]
    names = {"up": up, "down": down, "left": left, "right": right, "centre": centre}
    if case == "jacobi":
        return {"numpy": lambda: 0.25 * (up + down + left + right),
                "numexpr": evaluator("0.25*(up+down+left+right)", names)}
    return {"numpy": lambda: up + down + left + right - 4.0 * centre,
            "numexpr": evaluator("up+down+left+right-4.0*centre", names)}


def reduce(case, n):
    x = uniform(n * n, 1, -1, 3).reshape(n, n) if "axis" in case else uniform(n, 1, -1, 3)
    return {"numpy": {
        "sum": lambda: x.sum(),
        "max": lambda: x.max(),
        "mean-var": lambda: (x.mean(), x.var()),
        "sum-axis0": lambda: x.sum(axis=0),
        "sum-axis1": lambda: x.sum(axis=1),
    }[case]}


def hpl(_case, n):
    a, b = uniform(n * n, 1, -0.5, 0.5).reshape(n, n), uniform(n, 2, -0.5, 0.5)
    return {"numpy": lambda: np.linalg.solve(a, b)}


def fft(case, n):
    shape = {"2d": (n, n), "batch": (n, 1024)}.get(case, (n,))
    x = uniform(2 * math.prod(shape), 1, -0.5, 0.5).view(complex).reshape(shape)
    workers = len(os.sched_getaffinity(0))
    if case == "2d":
        return {"numpy": lambda: np.fft.fft2(x), "scipy": lambda: scipy.fft.fft2(x, workers=workers)}
    return {"numpy": lambda: np.fft.fft(x), "scipy": lambda: scipy.fft.fft(x, workers=workers)}


class Magnitudes(tuple):
    """Results whose signs are anybody's choice."""


def ppeval(_case, n):
    x = np.moveaxis(uniform(64 * 64 * n, 1, -0.5, 0.5).reshape(64, 64, n), -1, 0)
    return {"numpy": lambda: Magnitudes(np.linalg.svd(x))}


def overhead(_case, n):
    a, b = uniform(n, 1, 0, 1), uniform(n, 2, 0, 1)
    return {"numpy": lambda: np.sqrt(np.maximum(np.abs((a * b + a - b) * 2.0 + b), a) + 2.0) * b}


BENCHES = {"stream": stream, "chain": chain, "stencil": stencil, "reduce": reduce, "overhead": overhead,
           "hpl": hpl, "fft": fft, "ppeval": ppeval}


class Peer:
    """A peer of the prepared case: its function, its latest result, how often a run calls it."""

    def __init__(self, function):
        self.function = function
        self.result = function()
        self.loops = 1
        self.loops = max(1, int(SHORTEST / max(self.run(), 1e-7)))

    def run(self):
        start = time.perf_counter()
        for _ in range(self.loops):
            self.result = self.function()
        return (time.perf_counter() - start) / self.loops

    def mean(self):
        parts = self.result if isinstance(self.result, tuple) else (self.result,)
        parts = [np.ascontiguousarray(p).view(float) if np.iscomplexobj(p) else p for p in parts]
        parts = [np.abs(p) for p in parts] if isinstance(self.result, Magnitudes) else parts
        return sum(float(np.sum(p)) for p in parts) / sum(np.size(p) for p in parts)


class Server:
    def __init__(self):
        self.installed = {"numpy": np, "numexpr": ne, "scipy": scipy}
        self.peers = {}

    def hello(self):
        return "peers " + " ".join(f"{k} {m.__version__}" for k, m in self.installed.items() if m)

    def setup(self, bench, case, n):
        self.peers = {}
        functions = BENCHES[bench](case, int(n))
        self.peers = {k: Peer(f) for k, f in functions.items() if self.installed[k]}
        return "ok" + "".join(f" {k} {p.mean()!r}" for k, p in self.peers.items())

    def run(self, peer):
        return repr(self.peers[peer].run())

    def answer(self, line):
        word, *arguments = line.split()
        try:
            return {"setup": self.setup, "run": self.run}[word](*arguments)
        except Exception as error:  # pylint: disable=broad-except
            return f"error {type(error).__name__}: {error}".replace("\n", " ")


def main():
    if ne:
        ne.set_num_threads(min(len(os.sched_getaffinity(0)), ne.MAX_THREADS))
    server = Server()
    print(server.hello(), flush=True)
    for line in sys.stdin:
        print(server.answer(line), flush=True)


if __name__ == "__main__":
    main()
