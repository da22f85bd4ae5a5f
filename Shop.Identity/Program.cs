using Shop.Identity;

await IdentityApp.Build(args).RunAsync();
