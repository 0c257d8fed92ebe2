"""SQL statements, as pure functions of their arguments: nothing here runs them."""
