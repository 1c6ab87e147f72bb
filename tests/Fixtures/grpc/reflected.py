"""Messages of a service as the server's own reflection tells them."""

from google.protobuf import descriptor_pb2, message_factory


def fields(message: bytes):
    """Number and bytes of each length-delimited field."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            octet = message[at]
            at += 1
            value |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return value

    while at < len(message):
        key = varint()
        value = varint()
        if key & 7 == 2:
            yield key >> 3, message[at : at + value]
            at += value


def messages_of(channel, symbol: str, version: str):
    ask = b"\x22" + bytes([len(symbol)]) + symbol.encode()
    info = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    answer = dict(fields(next(iter(info(iter([ask]), timeout=60)))))
    file = descriptor_pb2.FileDescriptorProto.FromString(dict(fields(answer[4]))[1])
    return message_factory.GetMessages([file])
