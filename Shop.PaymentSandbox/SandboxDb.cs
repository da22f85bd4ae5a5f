using Microsoft.EntityFrameworkCore;

namespace Shop.PaymentSandbox;

/// <summary>Names the processor's database; its few statements are written by hand, for each WHERE is a rule.</summary>
internal sealed class SandboxDb(DbContextOptions<SandboxDb> options) : DbContext(options);
