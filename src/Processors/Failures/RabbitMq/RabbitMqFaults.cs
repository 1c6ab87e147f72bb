namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>RabbitMQ is down, slow or refuses; nothing is known to have been taken over. The same publish works later.</summary>
public class RabbitMqUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>No queue takes the message: its target is missing. It was given back and is not taken over.</summary>
public sealed class MessageReturnedException(string exchange, string routingKey) : RabbitMqUnavailableException(
    $"no queue behind exchange {exchange} takes a message with routing key {routingKey}");

/// <summary>An exchange or a queue exists already and is another one than this version needs. An operator decides.</summary>
public sealed class TopologyMismatchException(string message, Exception? inner = null) : Exception(message, inner);
