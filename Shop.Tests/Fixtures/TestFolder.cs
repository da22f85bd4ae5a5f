namespace Shop.Tests.Fixtures;

/// <summary>A folder for the data of one application under test, so that any number of them run side by side.</summary>
internal sealed class TestFolder
{
    private TestFolder(string path) => Path = path;

    public string Path { get; }

    public string ControlSocket => System.IO.Path.Combine(Path, "control.sock");

    public string[] AppHostArguments => [$"--DataFolder={Path}", $"--ControlSocket={ControlSocket}"];

    // Not CreateTempSubdirectory: that one is closed to the user as whom PostgreSQL runs when root runs the tests.
    public static TestFolder Create() => new(Directory.CreateDirectory(
        System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"shop-test-{Guid.CreateVersion7():n}")).FullName);

    public void Delete()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
