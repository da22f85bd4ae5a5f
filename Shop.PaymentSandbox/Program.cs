using Shop.PaymentSandbox;

await SandboxApp.Build(args).RunAsync();
