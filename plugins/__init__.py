"""What a course offers: one package per feature, each a `Plugin`."""
