"""Plumbline: a company's OpenAI work as scheduled, priced and data-checked pipelines."""

import os

# numpy converts here, and does no algebra: its pool of threads would cost every process a tenth of a second.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
