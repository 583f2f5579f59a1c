"""Plumbline: a company's OpenAI work as scheduled, priced and data-checked pipelines."""
