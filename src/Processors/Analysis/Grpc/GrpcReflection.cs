using Google.Protobuf.Reflection;
using Pipeline.Processors.Analysis.Grpc.ReflectionMessages;
using Asked = Pipeline.Processors.Analysis.Grpc.ReflectionMessages.ServerReflectionRequest.MessageRequestOneofCase;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary><c>grpc.reflection</c>, v1 and v1alpha, whose messages are the same: a client without the .proto finds services and their messages.</summary>
sealed class GrpcReflection
{
    const string Method = "ServerReflection/ServerReflectionInfo";

    readonly IReadOnlyList<FileDescriptor> _files;
    readonly Dictionary<string, FileDescriptor> _symbols = new(StringComparer.Ordinal);

    /// <param name="files">They import nothing, so that each is a whole answer.</param>
    public GrpcReflection(params IReadOnlyList<FileDescriptor> files)
    {
        _files = files;
        foreach (var file in files)
        {
            foreach (var service in file.Services)
                Add(service, service.Methods);
            foreach (var message in file.MessageTypes)
                AddMessage(message);
            Add(null, file.EnumTypes);
        }
    }

    public IReadOnlyList<GrpcMethod> Methods =>
    [
        GrpcMethod.Duplex("grpc.reflection.v1." + Method, ServerReflectionRequest.Parser, Answer),
        GrpcMethod.Duplex("grpc.reflection.v1alpha." + Method, ServerReflectionRequest.Parser, Answer),
    ];

    void Add(IDescriptor? whole, IEnumerable<IDescriptor> parts)
    {
        foreach (var one in whole is null ? parts : parts.Append(whole))
            _symbols[one.FullName] = one.File;
    }

    void AddMessage(MessageDescriptor message)
    {
        Add(message, [.. message.Fields.InDeclarationOrder(), .. message.EnumTypes]);
        foreach (var nested in message.NestedTypes)
            AddMessage(nested);
    }

    ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        var file = request.MessageRequestCase switch
        {
            Asked.FileByFilename => _files.FirstOrDefault(f => f.Name == request.FileByFilename),
            Asked.FileContainingSymbol => _symbols.GetValueOrDefault(request.FileContainingSymbol),
            _ => null,
        };
        if (file is not null)
            response.FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { file.SerializedData } };
        else if (request.MessageRequestCase == Asked.ListServices)
            response.ListServicesResponse = new ListServiceResponse { Service = { _files.SelectMany(f => f.Services).Select(s => new ServiceResponse { Name = s.FullName }) } };
        else
            response.ErrorResponse = new ErrorResponse { ErrorCode = (int)GrpcStatus.NotFound, ErrorMessage = "There is no such file or symbol here." };
        return response;
    }
}
