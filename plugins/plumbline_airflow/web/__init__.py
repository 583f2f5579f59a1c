"""Pages that Airflow's api-server serves for us."""
