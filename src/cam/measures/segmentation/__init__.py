"""Who the customers are: scores, named segments and what each holds."""
