"""Calls a real engine as older clients do, without the .proto. Run by AnalysisGrpcTests: engine.py ADDRESS WHAT."""

import json
import sys
import time

import grpc
from reflected import messages_of

PLENTY = 60
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)])
grpc.channel_ready_future(channel).result(PLENTY)
messages = messages_of(channel, "analytics.AnalyticsEngine", "v1")
Request, Response = messages["analytics.AnalyzeRequest"], messages["analytics.AnalyzeResponse"]
analyze = channel.unary_unary("/analytics.AnalyticsEngine/Analyze", Request.SerializeToString, Response.FromString)


def error_of(request, timeout=PLENTY) -> grpc.RpcError:
    try:
        answer = analyze(request, timeout=timeout)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it was answered: {answer}")


def older() -> None:
    request = Request(request_id="older", algorithm="kmeans", data=[1, 2, 3, 4, 5], params={"k": "2"})
    until = time.monotonic() + PLENTY
    while not (answer := analyze(request, timeout=PLENTY)).success and answer.error.startswith(("unknown_algorithm", "unavailable")):
        assert time.monotonic() < until, answer
        time.sleep(0.2)
    assert answer.success and answer.request_id == "older", answer
    labels = json.loads(answer.result_json)["labels"]
    assert len(labels) == 5 and labels[0] == labels[1] and labels[3] == labels[4] and labels[0] != labels[4], labels


def refusals() -> None:
    answer = analyze(Request(algorithm="mean", data=[1, 2, 3], options={"include_metadata": True}), timeout=PLENTY)
    assert json.loads(answer.result_json) ["value"] == 2 and answer.metadata.implementation == "native", answer
    answer = analyze(Request(algorithm="mean", data=[1], options={"timeout_ms": -1}), timeout=PLENTY)
    assert not answer.success and answer.error.startswith("invalid_request: "), answer
    assert error_of(Request(algorithm="mean", data=[1]), timeout=-1).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    # Twice the limit that the test gave the engine.
    assert error_of(Request(algorithm="mean", data=[1.0] * (2 << 17))).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PLENTY) == b"\x08\x01"


def busy() -> None:
    """The engine takes one at a time."""
    long, short = Request(algorithm="autocorrelation", data=range(1_000_000), params={"lags": "10000"}), Request(algorithm="mean", data=[1])
    running, refused, until = None, None, time.monotonic() + PLENTY
    while refused is None:
        if running is None or running.done():
            running = analyze.future(long, timeout=PLENTY)
        assert time.monotonic() < until
        try:
            analyze(short, timeout=PLENTY)
        except grpc.RpcError as error:
            refused = error
    assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, refused
    assert dict(refused.trailing_metadata())["grpc-retry-pushback-ms"] == "1000", refused.trailing_metadata()
    running.cancel()
    while True:
        try:
            assert analyze(short, timeout=PLENTY).success
            return
        except grpc.RpcError:
            assert time.monotonic() < until
            time.sleep(0.05)


def unready() -> None:
    assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PLENTY) == b"\x08\x02"


{"older": older, "refusals": refusals, "busy": busy, "unready": unready}[sys.argv[2]]()
channel.close()
print("all is well")
