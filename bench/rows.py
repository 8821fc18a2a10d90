"""The rows of the speed table. Each function measures one and returns its checks."""

import dataclasses
import pathlib

from harness import Check, Server, interleave, median, progress, ratios, require, run, seconds, spread

BASELINES = pathlib.Path(__file__).parent / "baselines"


@dataclasses.dataclass
class Plan:
    """How large and how often: the full measurement, or one that only shows that all of it works."""

    python: pathlib.Path  # interpreter of the environment with NumPy
    programs: pathlib.Path  # folder of the built programs
    data: pathlib.Path
    quick: bool
    inputs: int = 10_000
    features: int = 512
    layers: int = 12
    flat_inputs: int = 2_000
    offset_inputs: int = 100_000
    offset_features: int = 128
    stream_rows: int = 1_000_000
    upload_mib: int = 256
    call_seconds: float = 2.0
    rounds: int = 5
    repeats: int = 4  # in each process; the first is thrown away

    def make_small(self):
        self.inputs, self.features, self.layers = 600, 64, 4
        self.flat_inputs = 300
        self.offset_inputs, self.offset_features = 4_000, 64
        self.stream_rows, self.upload_mib, self.call_seconds = 40_000, 8, 0.2
        self.rounds, self.repeats = 1, 2

    def layer(self, network, index, kind="net"):
        return self.data / f"{kind}{network}_layer{index:02d}.npy"

    def network(self, network, kind="net"):
        return [self.layer(network, index, kind) for index in range(self.layers)]

    def ours(self, command, *arguments):
        repeats = f"--repeats={self.repeats}"
        return [self.programs / "lib_bench", "--threads=2", repeats, command, *arguments]

    def baseline(self, name, *arguments, repeats=None):
        repeats = repeats or self.repeats
        return [self.python, BASELINES / f"{name}.py", *arguments, f"--repeats={repeats}"]

    def pair(self):
        return [self.layer(0, 0), self.layer(1, 0)]

    def sides(self, first, second):
        return ["--first", *first, "--second", *second]


def time_check(row, what, samples, ours, peer, goal, quantity="wall_s"):
    """Compares a time of two programs that ran in turn: the median of the ratios of the rounds."""
    of_rounds = ratios(samples, ours, peer, quantity)
    mine = median([getattr(sample, quantity) for sample in samples[ours]])
    other = median([getattr(sample, quantity) for sample in samples[peer]])
    if len({sample.wall_s for sample in samples[peer]}) > 1:
        what += f" (rounds differ by {100 * spread(of_rounds):.0f} %)"
    return Check(row, what, seconds(mine), seconds(other), median(of_rounds), "x", goal)


def memory_check(row, what, ours, peer, goal):
    mine = max(sample.peak_mib for sample in ours)
    other = max(sample.peak_mib for sample in peer)
    return Check(row, what, f"{mine:.0f} MiB", f"{other:.0f} MiB", other / mine, "x", goal)


def ms_cka_literal(plan):
    """Row 1. The peer takes minutes and gigabytes, so it runs once, between our rounds."""
    ours = plan.ours("pair", *plan.sides([plan.layer(0, 0)], [plan.layer(1, 0)]))
    before = [run(ours) for _ in range(plan.rounds)]
    peer = run(plan.baseline("ms_cka_literal", *plan.pair(), repeats=1))
    mine = before + [run(ours) for _ in range(plan.rounds)]
    error = max(abs(sample.value - peer.value) for sample in mine)
    require(error < 1e-6, f"MS-CKA(t=4) differs by {error:.1e} from the literal one")
    samples = {"ours": mine, "peer": [peer] * len(mine)}
    what = "MS-CKA(t=4), cold pair / literal n x n NumPy"
    return [
        time_check(1, f"{what}, time", samples, "ours", "peer", 300),
        memory_check(1, f"{what}, peak memory", mine, [peer], 25),
    ]


def ms_cka_feature_space(plan):
    """Row 2, by CPU time: the peer's BLAS uses both cores whether it pays or not."""
    sides = plan.sides([plan.layer(0, 0)], [plan.layer(1, 0)])
    commands = {
        "cold": plan.ours("pair", *sides),
        "cached": plan.ours("pair", "--cached", *sides),
        "peer": plan.baseline("ms_cka_feature_space", *plan.pair()),
    }
    samples = interleave(commands, plan.rounds)
    for name in ("cold", "cached"):
        error = abs(samples[name][0].value - samples["peer"][0].value)
        require(error < 1e-6, f"MS-CKA(t=4), {name}, differs by {error:.1e} from NumPy's")
    what = "MS-CKA(t=4) / NumPy feature space"
    checks = []
    for name, goal in (("cold", 1.4), ("cached", 4.0)):
        title = "cold" if name == "cold" else "operators cached"
        checks.append(
            time_check(2, f"{what}, {title}, CPU", samples, name, "peer", goal, "cpu_s")
        )
        checks.append(time_check(2, f"{what}, {title}, wall", samples, name, "peer", 0.0))
    return checks


def fused_error(plan, networks, mine, peer, title):
    """The check that `mine` are right; also how far the literal product is off."""
    reference = run(plan.baseline("fused_reference", *networks))
    require(reference.output["action_error"] < 1e-12, "the reference is not the product of layers")
    error = max(abs(sample.value - reference.value) for sample in mine)
    require(error < 1e-6, f"fused score is {error:.1e} from the float64 factor product")
    literal_error = abs(peer.value - reference.value)
    what = f"{title}, error against the float64 factor product ({reference.value:.6f})"
    numbers = (f"{error:.1e}", f"{literal_error:.1e}", error)
    return Check(3, what, *numbers, "", 1e-6, at_least=False), literal_error


def fused_networks(plan):
    """Row 3. The plain product, because that is what the literal recipe multiplies."""
    options = ["--measure=cka", "--order=product"]
    networks = plan.sides(plan.network(0), plan.network(1))
    ours = plan.ours("fused", *options, *networks)
    before = [run(ours) for _ in range(plan.rounds)]
    peer = run(plan.baseline("fused_literal", *networks, repeats=1), timeout_s=3600)
    mine = before + [run(ours) for _ in range(plan.rounds)]
    what = f"two fused networks of {plan.layers} layers / literal product"
    error, literal_error = fused_error(plan, networks, mine, peer, what)
    if plan.quick:
        require(literal_error < 1e-6, f"the literal product is off by {literal_error:.1e}")
    samples = {"ours": mine, "peer": [peer] * len(mine)}

    flat = plan.sides(plan.network(0, "flat"), plan.network(1, "flat"))
    literal = run(plan.baseline("fused_literal", *flat, repeats=1), timeout_s=3600)
    flat_title = f"the same with flat spectra, n = {plan.flat_inputs:,}"
    ours_flat = [run(plan.ours("fused", *options, *flat))]
    flat_error, _ = fused_error(plan, flat, ours_flat, literal, flat_title)
    return [
        time_check(3, f"{what}, time", samples, "ours", "peer", 250),
        error,
        memory_check(3, f"{what}, peak memory", mine, [peer], 0.0),
        flat_error,
    ]


def streamed_moments(plan):
    """Row 4."""
    stream = ["--rows", plan.stream_rows, "--features", plan.features]
    commands = {"ours": plan.ours("moments", *stream), "peer": plan.ours("gemm")}
    samples = interleave(commands, plan.rounds)

    def rate(sample):
        return sample.output["flop"] / sample.wall_s / 1e9

    error = max(sample.output["relative_error"] for sample in samples["ours"])
    require(error < 1e-6, f"streamed moments are off by {error:.1e}")
    shares = [100 * rate(a) / rate(b) for a, b in zip(samples["ours"], samples["peer"])]
    mine, gemm = (median([rate(s) for s in samples[name]]) for name in ("ours", "peer"))
    peak = max(sample.peak_mib for sample in samples["ours"]) * 2**20 / 1e6
    what = f"moments of a streamed pair, n = {plan.stream_rows:,}"
    rates = [f"{mine:.0f} Gflop/s", f"{gemm:.0f} Gflop/s"]
    return [
        Check(4, f"{what} / sgemm", *rates, median(shares), "%", 75),
        Check(4, f"{what}, peak memory", f"{peak:.0f} MB", "", peak, "MB", 200, at_least=False),
    ]


def distance_correlation(plan):
    """Row 5."""
    ours = plan.ours("pair", "--measure=distcorr", *plan.sides(*[[path] for path in plan.pair()]))
    commands = {
        "ours": ours,
        "sklearn": plan.baseline("distcorr_sklearn", *plan.pair(), repeats=min(plan.repeats, 2)),
    }
    samples = interleave(commands, plan.rounds)
    rounds = 1 if plan.quick else 2
    cdist = plan.baseline("distcorr_cdist", *plan.pair(), repeats=1)
    slow = interleave({"ours": ours, "cdist": cdist}, rounds)
    exact = slow["cdist"][0].value
    error = max(abs(sample.value - exact) for sample in samples["ours"])
    require(error < 1e-6, f"distance correlation differs by {error:.1e} from SciPy's")
    peer_error = abs(samples["sklearn"][0].value - exact)
    require(peer_error < 1e-4, f"scikit-learn's distances are off by {peer_error:.1e}")
    what = "distance correlation / "
    return [
        time_check(5, f"{what}scikit-learn, time", samples, "ours", "sklearn", 4),
        memory_check(
            5, f"{what}scikit-learn, peak memory", samples["ours"], samples["sklearn"], 15
        ),
        time_check(5, f"{what}SciPy cdist (one thread), CPU", slow, "ours", "cdist", 30, "cpu_s"),
        time_check(5, f"{what}SciPy cdist (one thread), wall", slow, "ours", "cdist", 0.0),
    ]


def rounding_at_large_means(plan):
    """Row 6."""
    pair = [plan.data / "offset_x.npy", plan.data / "offset_y.npy"]
    reference = run(plan.baseline("cka_reference", *pair, repeats=1)).value
    worst = 0.0
    for arrival in ("forward", "reversed", "shuffled"):
        for piece_rows in (1000, 4096, 77):
            pieces = [f"--arrival={arrival}", f"--piece-rows={piece_rows}"]
            sides = plan.sides(pair[:1], pair[1:])
            output = run(plan.ours("pieces", *pieces, *sides)).output
            for path in ("uploaded", "streamed"):
                worst = max(worst, abs(output[path] - reference))
    what = "CKA error, mean/std = 1e4, any order and size of chunks"
    return [Check(6, what, f"{worst:.1e}", f"{reference:.6f}", worst, "", 2e-6, at_least=False)]


def upload(plan):
    """Row 7. Server, client and peer share the cores; the server keeps what it gets in memory."""
    size = [f"--mib={plan.upload_mib}"]
    repeats = f"--repeats={plan.repeats}"
    with Server(plan.programs / "gramiand", plan.data, store_gib=4) as server:
        commands = {
            "ours": [
                plan.programs / "service_bench",
                f"--address={server.address}",
                repeats,
                "upload",
                "--streams=4",
                *size,
            ],
            "peer": [plan.programs / "tcp_bench", repeats, "--connections=4", *size],
        }
        cpu_before = server.cpu_s()
        samples = interleave(commands, plan.rounds)
        cpu = server.cpu_s() - cpu_before

    def rate(sample):
        return sample.output["bytes"] / sample.wall_s / 1e9

    sent = sum(s.output["bytes"] * len(s.output["wall_s"]) for s in samples["ours"]) / 1e9
    shares = [100 * rate(a) / rate(b) for a, b in zip(samples["ours"], samples["peer"])]
    mine, raw = (median([rate(s) for s in samples[name]]) for name in ("ours", "peer"))
    what = f"upload, 4 streams, 1 MiB chunks / raw TCP (server {cpu / sent:.2f} CPU s/GB)"
    return [Check(7, what, f"{mine:.2f} GB/s", f"{raw:.2f} GB/s", median(shares), "%", 55)]


def cached_calls(plan):
    """Row 8."""
    with Server(plan.programs / "gramiand", plan.data, store_gib=1) as server:
        output = run(
            [
                plan.programs / "service_bench",
                f"--address={server.address}",
                f"--repeats={plan.rounds + 1}",
                "calls",
                "--clients=64",
                f"--seconds={plan.call_seconds}",
            ]
        ).output
    require(output["cached"], "CompareLayers was computed again")
    compare, empty = output["compare_per_s"][1:], output["empty_per_s"][1:]
    share = median([100 * a / b for a, b in zip(compare, empty)])
    rates = [f"{median(compare):,.0f} /s", f"{median(empty):,.0f} /s"]
    what = "cached CompareLayers, 64 clients / health check of the same server"
    return [Check(8, what, *rates, share, "%", 80)]


ROWS = {
    1: ms_cka_literal,
    2: ms_cka_feature_space,
    3: fused_networks,
    4: streamed_moments,
    5: distance_correlation,
    6: rounding_at_large_means,
    7: upload,
    8: cached_calls,
}


def measure(plan, numbers):
    """All checks of the rows with these numbers."""
    checks = []
    for number in numbers:
        progress(f"row {number}: {ROWS[number].__name__.replace('_', ' ')}")
        checks += ROWS[number](plan)
    return checks
