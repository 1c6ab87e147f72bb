using System.Text.Json;

namespace Pipeline.DevTool;

/// <summary>Prints a user's statistics, as the API gives them, on a few lines.</summary>
static class UserStats
{
    const int ProjectsShown = 3;

    public static async Task<int> Run(Arguments arguments, CancellationToken stop)
    {
        using var http = new HttpClient { BaseAddress = new Uri(arguments.Text("url")), Timeout = TimeSpan.FromSeconds(30) };
        var path = $"/api/v1/events/stats/{Uri.EscapeDataString(arguments.Text("user"))}";
        using var response = await http.GetAsync(path, stop);
        var text = await response.Content.ReadAsStringAsync(stop);
        if (!response.IsSuccessStatusCode)
            throw new FailureException($"{path} answered {(int)response.StatusCode}: {text}");
        using var json = JsonDocument.Parse(text);
        Console.WriteLine($"GET {path}");
        Console.WriteLine($"  {Line(json.RootElement)}");
        if (json.RootElement.TryGetProperty("projects", out var projects))
        {
            foreach (var project in projects.EnumerateArray().Take(ProjectsShown))
                Console.WriteLine($"    {Line(project)}");
            if (projects.GetArrayLength() > ProjectsShown)
                Console.WriteLine($"    … and {projects.GetArrayLength() - ProjectsShown} more projects");
        }
        return 0;
    }

    static string Line(JsonElement element) => string.Join(", ", element.EnumerateObject()
        .Where(property => property.Value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object))
        .Select(property => $"{property.Name} {property.Value}"));
}
