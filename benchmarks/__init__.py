"""
Figures against peers and limits: `python -m benchmarks <name> … --json`.

Each benchmark starts and stops its own services and measures the product's own code.
"""
