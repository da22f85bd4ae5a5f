namespace Shop.Bench;

/// <summary>Why there is no result, in one sentence for who started the bench.</summary>
internal sealed class BenchException(string message) : Exception(message);
