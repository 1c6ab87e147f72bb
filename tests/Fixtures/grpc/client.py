"""Calls analytics.AnalyticsEngine with Debian's grpcio and no .proto: the messages come by reflection. Run by GrpcClientTests with the address."""

import json
import sys

import grpc
from reflected import messages_of

PLENTY = 60
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)])
grpc.channel_ready_future(channel).result(PLENTY)


def status_of(call) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


assert "analytics.AnalyzeRequest" in messages_of(channel, "analytics.AnalyticsEngine", "v1alpha")
messages = messages_of(channel, "analytics.AnalyticsEngine", "v1")
Request, Response = messages["analytics.AnalyzeRequest"], messages["analytics.AnalyzeResponse"]
Batch = messages["analytics.BatchRequest"]
analyze = channel.unary_unary("/analytics.AnalyticsEngine/Analyze", Request.SerializeToString, Response.FromString)
batch = channel.unary_stream("/analytics.AnalyticsEngine/BatchAnalyze", Batch.SerializeToString, Response.FromString)

response = analyze(Request(request_id="r", algorithm="kmeans", data=[1, 2, 3, 4, 5], params={"k": "2"}), timeout=PLENTY)
assert response.success and response.request_id == "r" and json.loads(response.result_json)["mean"] == 3, response
assert not response.HasField("metadata")

response = analyze(Request(algorithm="kmeans", params={"k": "two"}), timeout=PLENTY)
assert not response.success and response.error.startswith("invalid_parameters: "), response

large = Request(algorithm="mean", data=[2.0] * 600_000)
response = analyze(large, timeout=PLENTY, compression=grpc.Compression.Gzip)
assert json.loads(response.result_json)["mean"] == 2

requests = [Request(request_id=str(i), algorithm="mean" if i % 2 else "Overloaded") for i in range(20)]
answers = {a.request_id: a.success for a in batch(Batch(requests=requests), timeout=PLENTY)}
assert answers == {str(i): bool(i % 2) for i in range(20)}, answers

assert status_of(lambda: analyze(Request(algorithm="Overloaded"), timeout=PLENTY)) == grpc.StatusCode.RESOURCE_EXHAUSTED
assert status_of(lambda: analyze(Request(algorithm="Unavailable"), timeout=PLENTY)) == grpc.StatusCode.UNAVAILABLE
assert status_of(lambda: analyze(Request(algorithm="wait"), timeout=0.3)) == grpc.StatusCode.DEADLINE_EXCEEDED
assert status_of(lambda: channel.unary_unary("/analytics.AnalyticsEngine/Nothing")(b"", timeout=PLENTY)) == grpc.StatusCode.UNIMPLEMENTED
assert status_of(lambda: channel.unary_unary("/analytics.AnalyticsEngine/Analyze")(b"\x0a\x7f", timeout=PLENTY)) == grpc.StatusCode.INTERNAL

deflated = status_of(lambda: analyze(large, timeout=PLENTY, compression=grpc.Compression.Deflate))
assert deflated == grpc.StatusCode.UNIMPLEMENTED, deflated

future = analyze.future(Request(algorithm="wait"), timeout=PLENTY)
future.cancel()
assert future.cancelled()

health = channel.unary_unary("/grpc.health.v1.Health/Check")
assert health(b"", timeout=PLENTY) == b"\x08\x01"
channel.close()
print("all is well")
