using Shop.Workers;

await WorkersApp.Build(args).RunAsync();
