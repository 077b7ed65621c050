using Microsoft.Data.Sqlite;
using Tributary.Transport;

namespace Tributary.Server.Storage;

/// <summary>
/// The server's one SQLite file. What has returned is durable. Safe for several threads, one of which is at work at a time. A full disk is a
/// <see cref="DiskFullException"/>.
/// </summary>
internal sealed class Database : IDisposable
{
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly SqliteConnection _connection;

    /// <summary>Opens the file, making it if it is not there.</summary>
    public Database(string path)
    {
        _path = path;
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            _connection.Open();
            Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // Not in the middle of what another thread has begun.
        lock (_lock)
        {
            _connection.Dispose();
        }
    }

    /// <summary>Runs several statements as one: after a crash there are all of them or none.</summary>
    public void Together(Action statements)
    {
        lock (_lock)
        {
            using SqliteTransaction transaction = _connection.BeginTransaction();
            statements();
            Commit(transaction);
        }
    }

    private void Commit(SqliteTransaction transaction)
    {
        try
        {
            transaction.Commit();
        }
        catch (SqliteException e) when (IsFull(e))
        {
            throw new DiskFullException(_path, null, e);
        }
    }

    /// <summary>Runs a statement, durable when this returns; gives how many rows it changed.</summary>
    public int Execute(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_lock)
        {
            try
            {
                using SqliteCommand command = Command(sql, parameters);
                return command.ExecuteNonQuery();
            }
            catch (SqliteException e) when (IsFull(e))
            {
                throw new DiskFullException(_path, null, e);
            }
        }
    }

    /// <summary>Reads rows.</summary>
    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_lock)
        {
            try
            {
                using SqliteCommand command = Command(sql, parameters);
                using SqliteDataReader reader = command.ExecuteReader();
                var rows = new List<T>();
                while (reader.Read())
                {
                    rows.Add(read(reader));
                }

                return rows;
            }
            catch (SqliteException e) when (IsFull(e))
            {
                throw new DiskFullException(_path, null, e);
            }
        }
    }

    /// <summary>SQLite says so itself of its main files; of what it keeps in shared memory it only says that it cannot.</summary>
    private static bool IsFull(SqliteException e)
    {
        const int Full = 13;
        const int SharedMemorySize = 10 | (19 << 8);
        return e.SqliteErrorCode == Full || e.SqliteExtendedErrorCode == SharedMemorySize;
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object? value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        return command;
    }
}