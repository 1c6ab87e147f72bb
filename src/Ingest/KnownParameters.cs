using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Contracts;

namespace Pipeline.Ingest;

/// <summary>Refuses a query parameter that the call does not know: a misspelt one that is passed over would answer, or erase, what nobody meant.</summary>
static class KnownParameters
{
    const int ShownCharactersMax = 64;

    public static EndpointFilterDelegate Refuse(EndpointFilterFactoryContext context, EndpointFilterDelegate next)
    {
        var names = context.MethodInfo.GetParameters().SelectMany(NamesOf).Order(StringComparer.Ordinal).ToArray();
        return async call => call.HttpContext.Request.Query.Keys.FirstOrDefault(k => !names.Contains(k, StringComparer.OrdinalIgnoreCase)) is { } unknown ? Unknown(unknown, names) : await next(call);
    }

    static IEnumerable<string> NamesOf(ParameterInfo parameter)
    {
        if (parameter.GetCustomAttribute<AsParametersAttribute>() is not null)
            return parameter.ParameterType.GetProperties().Select(p => p.GetCustomAttribute<FromQueryAttribute>()?.Name).OfType<string>();
        return parameter.ParameterType == typeof(string) && parameter.GetCustomAttribute<FromRouteAttribute>() is null ? [parameter.GetCustomAttribute<FromQueryAttribute>()?.Name ?? parameter.Name!] : [];
    }

    static Problem Unknown(string name, string[] names)
    {
        // It comes from outside: the answer and a log that keeps it stay short.
        var length = Math.Min(name.Length, ShownCharactersMax);
        var shown = name[..(length > 0 && char.IsHighSurrogate(name[length - 1]) ? length - 1 : length)];
        return new Problem(400, "invalid_parameter", $"{shown} is no parameter of this call; {(names.Length == 0 ? "it has none." : $"the nearest are {string.Join(", ", NearNames.Of(shown, names))}.")}") { Parameter = shown };
    }
}
