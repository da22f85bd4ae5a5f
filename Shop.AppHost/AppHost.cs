Console.WriteLine("The topology comes next.");
