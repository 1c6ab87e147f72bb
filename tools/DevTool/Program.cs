Console.WriteLine("DevTool");
