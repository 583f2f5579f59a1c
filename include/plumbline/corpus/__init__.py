"""Documents become a searchable, checked, traceable knowledge base."""
