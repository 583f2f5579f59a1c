"""Thin adapters between Airflow and the domain in `plumbline`; with `dags/`, the only code that imports Airflow."""
