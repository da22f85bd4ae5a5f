using Shop.Identity.Keys;
using Shop.Identity.Sessions;
using Shop.Identity.Tokens;
using Shop.Identity.Users;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity;

/// <summary>The whole service, apart from Program so that a test can run it in its own process.</summary>
internal static class IdentityApp
{
    /// <param name="configure">A test's own services, which win over the defaults.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        configure?.Invoke(builder);
        builder.AddServiceDefaults();
        builder.AddDatabase<IdentityDb>("identitydb");
        builder.Services.AddValidation();
        builder.Services.AddOptions<IdentityOptions>()
            .BindConfiguration(IdentityOptions.Section).ValidateDataAnnotations().ValidateOnStart();

        builder.Services.AddSingleton<PersonalData>();
        builder.Services.AddSingleton<ResealUsersService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ResealUsersService>());
        builder.Services.AddSingleton<Passwords>();
        builder.Services.AddSingleton<LoginFailures>();
        builder.Services.AddSingleton<RefreshTokens>();
        builder.Services.AddSingleton<AccessTokens>();
        builder.Services.AddSingleton<ServiceAccounts>();
        builder.Services.AddSingleton<SigningKeys>();
        builder.Services.AddHostedService(services => services.GetRequiredService<SigningKeys>());
        // Identity validates its own tokens with the keys it has at hand.
        builder.Services.AddSingleton<ISigningKeySource>(services => services.GetRequiredService<SigningKeys>());
        if (builder.Environment.IsDevelopment()) builder.Services.AddHostedService<SampleUsersService>();

        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapIdentity();
        return app;
    }
}
