"""Tables: from raw files to the arrays that models are trained on."""
