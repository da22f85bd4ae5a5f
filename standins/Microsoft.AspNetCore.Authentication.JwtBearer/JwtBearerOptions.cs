using Microsoft.IdentityModel.Tokens;

namespace Microsoft.AspNetCore.Authentication.JwtBearer;

public static class JwtBearerDefaults
{
    public const string AuthenticationScheme = "Bearer";
}

public class JwtBearerOptions : AuthenticationSchemeOptions
{
    public JwtBearerOptions() => Events = new JwtBearerEvents();

    /// <summary>The WWW-Authenticate header of a refusal begins with it.</summary>
    public string Challenge { get; set; } = JwtBearerDefaults.AuthenticationScheme;

    /// <summary>Whether that header says what was wrong with the token.</summary>
    public bool IncludeErrorDetails { get; set; } = true;

    /// <summary>Whether short claim names become long ones. Only false works with this stand-in.</summary>
    public bool MapInboundClaims { get; set; } = true;

    public TokenValidationParameters TokenValidationParameters { get; set; } = new();

    public new JwtBearerEvents Events
    {
        get => (JwtBearerEvents)base.Events!;
        set => base.Events = value;
    }
}
