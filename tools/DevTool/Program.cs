using System.Globalization;
using Confluent.Kafka;
using Npgsql;

namespace Pipeline.DevTool;

/// <summary>What ./dev needs beyond the shell: the embedded broker, a sender, a reader of the books, a reader of test results.</summary>
static class Program
{
    const string Usage = """
        usage: DevTool COMMAND
          broker       --topics name:partitions,… [--port-file FILE]         the embedded broker, until SIGTERM
          topics       --kafka ADDRESS                                       the topics of a broker and how many partitions each has
          send-http    --url URL (--file NDJSON [--from N] [--count N] [--batch N] | --body FILE)
          send-topic   --kafka ADDRESS --topic NAME --file NDJSON [--from N] [--count N]
          simulate     [OPTION…]                                             annotation work as it might have been; --help says more
          stats        --url URL --user ID                                   a user's statistics
          report       --postgres URI --kafka ADDRESS [--topic NAME] [--consumer NAME] [--wait-for N] [--timeout-s N]
                       [--influx-url URL --influx-api v1|v2 --influx-bucket NAME --influx-org NAME --influx-token TOKEN]
          test-summary FILE…                                                 counts of xunit reports
          coverage     FILE…                                                 line coverage by assembly of Cobertura reports
        """;

    static async Task<int> Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) => { e.Cancel = true; stop.Cancel(); };
        try
        {
            var arguments = Arguments.Parse(args.Skip(1), args is ["simulate", ..] ? SimulateCommand.Flags : []);
            return args.FirstOrDefault() switch
            {
                "broker" => await EmbeddedBroker.Run(arguments),
                "topics" => TopicList.Run(arguments),
                "send-http" => await HttpSender.Run(arguments, stop.Token),
                "send-topic" => TopicSender.Run(arguments, stop.Token),
                "simulate" => await SimulateCommand.Run(arguments, stop.Token),
                "stats" => await UserStats.Run(arguments, stop.Token),
                "report" => await Report.Run(arguments, stop.Token),
                "test-summary" => TestSummary.Run(arguments),
                "coverage" => Coverage.Run(arguments),
                _ => Fail(2, Usage),
            };
        }
        catch (UsageException e)
        {
            return Fail(2, $"{e.Message}\n{Usage}");
        }
        catch (FailureException e)
        {
            return Fail(1, e.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 130;
        }
        // What a server or a file answers is not our bug: one line, no trace.
        catch (Exception e) when (e is HttpRequestException or IOException or KafkaException or NpgsqlException or OperationCanceledException)
        {
            return Fail(1, $"{args.FirstOrDefault()}: {e.Message}");
        }
    }

    static int Fail(int code, string message)
    {
        Console.Error.WriteLine(message);
        return code;
    }
}
