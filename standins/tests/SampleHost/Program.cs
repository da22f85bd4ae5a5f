using SampleHost;

// One program, two roles: the AppHost of the tests, and the service that this AppHost runs.
return args is ["serve", ..] ? await EchoService.RunAsync(args) : await SampleAppHost.RunAsync(args);
