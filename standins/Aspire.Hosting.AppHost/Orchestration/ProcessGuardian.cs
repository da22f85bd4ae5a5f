using System.Diagnostics;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// Outlives the host by a moment. It is a small shell that reads from a pipe which only the host writes to: when the
/// host is gone, however it went, the pipe ends and the shell ends every process whose file is still in the folder.
/// A process writes its own file before it becomes what it is to run, and goes no further if the host has died by then;
/// so there is no moment at which a process runs and the guardian does not know of it.
/// </summary>
internal sealed class ProcessGuardian : IDisposable
{
    /// <summary>
    /// $1 the host's scratch folder, which goes last. In its "processes" one file per process: the name is its id, the
    /// content the signal that ends it politely.
    /// </summary>
    private const string WatchScript = """
        exec >/dev/null 2>&1
        trap '' INT TERM HUP
        while read -r _; do :; done
        [ -d "$1/processes" ] || exit 0
        round=0; told=' '
        while [ $round -lt 150 ]; do
          left=
          for file in "$1"/processes/*; do
            [ -e "$file" ] || continue
            pid=${file##*/}; signal=0
            case "$told" in *" $pid "*) ;; *) read -r signal <"$file"; told="$told$pid " ;; esac
            kill -s "$signal" -- "-$pid" || kill -s "$signal" "$pid" || { rm -f "$file"; continue; }
            left=1
          done
          [ "$left" ] || [ $round -lt 5 ] || break
          round=$((round + 1)); sleep 0.1
        done
        for file in "$1"/processes/*; do
          [ -e "$file" ] && { kill -s KILL -- "-${file##*/}" || kill -s KILL "${file##*/}"; }
        done
        rm -rf "$1"
        """;

    /// <summary>$0 folder, $1 signal, $2 the host, then the command, which takes this shell's place and id.</summary>
    private const string LaunchScript =
        """echo "$1" >"$0/$$"; kill -0 "$2" 2>/dev/null || exit 1; shift 2; exec "$@" </dev/null""";

    private readonly string _folder;
    private readonly Process _watcher;

    public ProcessGuardian(HostSettings settings)
    {
        _folder = Directory.CreateDirectory(Path.Combine(settings.Scratch, "processes")).FullName;
        var start = new ProcessStartInfo { RedirectStandardInput = true, WorkingDirectory = "/" };
        Fill(start, [.. OwnSession(), "sh", "-c", WatchScript, "guardian", settings.Scratch]);
        _watcher = Process.Start(start)!;
    }

    /// <summary>Makes the start of a command one that the guardian knows of, in a process group of its own.</summary>
    public void Guard(ProcessStartInfo start, string stopSignal, IEnumerable<string> command) =>
        Fill(
            start,
            [.. OwnSession(), "sh", "-c", LaunchScript, _folder, stopSignal, $"{Environment.ProcessId}", .. command]);

    /// <summary>The process is gone; its id may soon belong to another.</summary>
    public void Forget(int processId) => File.Delete(Path.Combine(_folder, $"{processId}"));

    public void Dispose()
    {
        // With the folder gone the guardian has nothing to do when its pipe ends.
        if (Directory.Exists(_folder) && Directory.GetFiles(_folder).Length == 0) Directory.Delete(_folder);
        _watcher.StandardInput.Close();
        _watcher.Dispose();
    }

    // A session of its own keeps Ctrl+C at the terminal from reaching a process before the host has its say.
    private static string[] OwnSession()
    {
        if (File.Exists("/usr/bin/setsid")) return ["/usr/bin/setsid"];
        return File.Exists("/usr/bin/perl")
            ? ["/usr/bin/perl", "-e", "use POSIX; POSIX::setsid(); exec @ARGV or die $!"]
            : [];
    }

    private static void Fill(ProcessStartInfo start, string[] command)
    {
        start.FileName = command[0];
        foreach (var argument in command.Skip(1)) start.ArgumentList.Add(argument);
    }
}
