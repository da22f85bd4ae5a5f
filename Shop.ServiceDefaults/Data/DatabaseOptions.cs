namespace Shop.ServiceDefaults.Data;

/// <summary>Configuration section <c>Database</c>, the same for every database of a process.</summary>
public sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>Connections per process and database. Shared commits want few: 8 by default.</summary>
    public int PoolSize { get; set; } = 8;

    /// <summary>PostgreSQL <c>lock_timeout</c>, milliseconds.</summary>
    public int LockTimeoutMs { get; set; } = 2_000;

    /// <summary>PostgreSQL <c>statement_timeout</c>, milliseconds.</summary>
    public int StatementTimeoutMs { get; set; } = 10_000;

    /// <summary>PostgreSQL <c>idle_in_transaction_session_timeout</c>, ms: a stalled process lets go.</summary>
    public int IdleInTransactionTimeoutMs { get; set; } = 5_000;

    /// <summary>How often a transaction that met a lock is run before the caller hears 503.</summary>
    public int LockAttempts { get; set; } = 4;

    /// <summary>
    /// The passwords of the services' roles are derived from it; another one changes them all at the next start. When
    /// it is missing, they are derived from the owner's password.
    /// </summary>
    public string? RoleSecret { get; set; }

    /// <summary>Roles made beforehand, by connection name, where the owner may not make them.</summary>
    public Dictionary<string, GivenRole> Roles { get; } = [];

    /// <summary>Gives up the separation: the service connects as the owner of its tables.</summary>
    public bool RunAsOwner { get; set; }

    public sealed class GivenRole
    {
        public string Name { get; set; } = "";

        public string Password { get; set; } = "";
    }
}

/// <summary>A transaction met a lock on every attempt. Nothing was kept; the caller may try again: 503.</summary>
public sealed class DatabaseBusyException(Exception inner) : Exception("The database is busy.", inner);
