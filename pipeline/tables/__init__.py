"""Tables: from raw files to the arrays that models read."""
