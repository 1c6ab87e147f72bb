using System.IO.Compression;
using System.Net;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>The environment that <c>./dev up</c> makes where an index of packages is in reach: here one of this machine, of empty packages with the names of the real ones.</summary>
public sealed class VirtualEnvironmentTests : IAsyncDisposable
{
    static readonly (string Project, string Module)[] Packages = [("numpy", "numpy"), ("scipy", "scipy"), ("scikit-learn", "sklearn"), ("statsmodels", "statsmodels")];

    readonly string _folder = Directory.CreateTempSubdirectory("pipeline-test-venv-").FullName;
    readonly HttpListener _index = new();
    readonly int _port = TestServers.FreePort();

    public VirtualEnvironmentTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, ".dev", "log"));
        Directory.CreateDirectory(Path.Combine(_folder, "python"));
        foreach (var file in (string[])["worker.py", "pyproject.toml"])
            File.Copy(Path.Combine(TestServers.Repository, "python", file), Path.Combine(_folder, "python", file));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "python", "pipeline_runtime"), Path.Combine(TestServers.Repository, "python", "pipeline_runtime"));
        _index.Prefixes.Add($"http://127.0.0.1:{_port}/");
        _index.Start();
        _ = ServeAsync();
    }

    /// <summary>Runs ./dev's own functions on a repository that is a temporary folder.</summary>
    async Task<string> RunAsync(string command, string index = "")
    {
        var (_, output) = await Bash.RunAsync($"""
            set -eu; unset PIPELINE_PYTHON; REPO={_folder}; STATE=$REPO/.dev; export PIP_INDEX_URL={(index.Length > 0 ? index : $"http://127.0.0.1:{_port}/simple")} PIP_NO_CACHE_DIR=1
            . tools/dev.d/lib.sh; . tools/dev.d/python.sh; python_ensure() {"{"} say "Debian's packages are asked for"; {"}"}
            {command}
            """, TimeSpan.FromMinutes(3));
        return output;
    }

    [Fact]
    public async Task It_is_made_once_from_the_projects_file_and_again_when_that_changes()
    {
        if ((await RunAsync("python_base || true")).Trim().Length == 0)
            Assert.Skip("no python3 of 3.10 or later has venv and ensurepip");
        var made = await RunAsync("python_prepare; python_interpreter");
        Assert.Contains("making a virtual environment", made, StringComparison.Ordinal);
        Assert.EndsWith($"{_folder}/.dev/python/bin/python\n", made, StringComparison.Ordinal);
        Assert.Equal("99.0\n", await RunAsync("$(python_interpreter) -c 'import sklearn, numpy; print(numpy.__version__)'"));
        Assert.Equal($"{_folder}/.dev/python/bin/python\n", await RunAsync("python_prepare; python_interpreter"));
        await File.AppendAllTextAsync(Path.Combine(_folder, "python", "pyproject.toml"), "# changed\n");
        Assert.Equal("", await RunAsync("python_interpreter"));
        Assert.Contains("making a virtual environment", await RunAsync("python_prepare"), StringComparison.Ordinal);
        Assert.Equal("/mine\n", await RunAsync("PIPELINE_PYTHON=/mine; python_prepare; python_interpreter"));
    }

    [Fact]
    public async Task Without_an_index_or_with_one_that_lacks_a_package_debians_are_taken()
    {
        Assert.Equal("Debian's packages are asked for\n", await RunAsync("python_prepare; python_interpreter", "http://127.0.0.1:1/simple"));
        if ((await RunAsync("python_base || true")).Trim().Length == 0)
            return;
        await File.WriteAllTextAsync(Path.Combine(_folder, "python", "pyproject.toml"), "[project]\nname = \"p\"\nversion = \"1\"\ndependencies = [\"numpy\", \"no-such-package>=1\"]\n");
        var output = await RunAsync("python_prepare; python_interpreter");
        Assert.Contains("no-such-package", output, StringComparison.Ordinal);
        Assert.EndsWith("Debian's packages are asked for\n", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, ".dev", "python")));
    }

    /// <summary>PEP 503: a page for each project, with links to its files.</summary>
    async Task ServeAsync()
    {
        while (_index.IsListening)
        {
            HttpListenerContext http;
            try
            {
                http = await _index.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            var part = http.Request.Url!.AbsolutePath.Trim('/').Split('/')[^1];
            var (project, module) = Packages.FirstOrDefault(p => p.Project == part || part.StartsWith(p.Project.Replace('-', '_') + "-", StringComparison.Ordinal));
            var answer = project is null ? [] : part.EndsWith(".whl", StringComparison.Ordinal) ? Wheel(project, module) : Encoding.UTF8.GetBytes($"<a href=\"/files/{project.Replace('-', '_')}-99.0-py3-none-any.whl\">x</a>");
            http.Response.StatusCode = project is null ? 404 : 200;
            http.Response.ContentType = part.EndsWith(".whl", StringComparison.Ordinal) ? "application/octet-stream" : "text/html";
            http.Response.Close(answer, willBlock: false);
        }
    }

    static byte[] Wheel(string project, string module)
    {
        using var bytes = new MemoryStream();
        using (var wheel = new ZipArchive(bytes, ZipArchiveMode.Create))
        {
            var about = $"{project.Replace('-', '_')}-99.0.dist-info";
            foreach (var (name, text) in ((string, string)[])
                [
                    ($"{module}/__init__.py", "__version__ = \"99.0\"\n"), ($"{about}/METADATA", $"Metadata-Version: 2.1\nName: {project}\nVersion: 99.0\n"),
                    ($"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"), ($"{about}/RECORD", ""),
                ])
            {
                using var entry = wheel.CreateEntry(name).Open();
                entry.Write(Encoding.UTF8.GetBytes(text));
            }
        }
        return bytes.ToArray();
    }

    public ValueTask DisposeAsync()
    {
        _index.Close();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
