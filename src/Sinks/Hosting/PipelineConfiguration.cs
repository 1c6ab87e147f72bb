using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Pipeline.Sinks.Hosting;

/// <summary>How both hosts read their options: section <c>Pipeline</c>, environment as <c>Pipeline__Section__Key</c>, unknown keys refused, all errors at once.</summary>
public static class PipelineConfiguration
{
    public const string Root = "Pipeline";

    /// <summary>Binds one area. Its errors are collected at start together with those of every other area.</summary>
    public static OptionsBuilder<T> AddArea<T>(this IServiceCollection services, string section) where T : class =>
        services.AddSingleton<IValidateOptions<T>, EveryError<T>>().AddOptions<T>().BindConfiguration(section, o => o.ErrorOnUnknownConfiguration = true).ValidateOnStart();

    /// <summary>The platform's own validation leaves out an object's rules where one of its fields is at fault.</summary>
    sealed class EveryError<T> : IValidateOptions<T> where T : class
    {
        public ValidateOptionsResult Validate(string? name, T options)
        {
            var context = new ValidationContext(options);
            var errors = new List<ValidationResult>();
            if (!Validator.TryValidateObject(options, context, errors, validateAllProperties: true) && options is IValidatableObject rules)
                errors.AddRange(rules.Validate(context));
            return errors.Count == 0 ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(errors.Select(e => $"{typeof(T).Name}.{string.Join(',', e.MemberNames)}: {e.ErrorMessage}").Distinct());
        }
    }

    /// <summary>Reads every area and returns each error as a line; none when the host can start.</summary>
    public static IReadOnlyList<string> Errors(IServiceProvider services, IConfiguration configuration, params string[] sections)
    {
        var errors = new List<string>();
        var known = sections.Select(s => s.Split(':')[1]).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var child in configuration.GetSection(Root).GetChildren())
            if (!known.Contains(child.Key))
                errors.Add($"{Root}:{child.Key} is not a section of this host; it knows {string.Join(", ", known.Order(StringComparer.Ordinal))}.");
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch (Exception e)
        {
            errors.AddRange(Flatten(e));
        }
        return errors;
    }

    static IEnumerable<string> Flatten(Exception exception) => exception switch
    {
        AggregateException many => many.InnerExceptions.SelectMany(Flatten),
        OptionsValidationException invalid => invalid.Failures,
        _ => [exception.InnerException?.Message is { } inner ? $"{exception.Message} {inner}" : exception.Message],
    };
}
