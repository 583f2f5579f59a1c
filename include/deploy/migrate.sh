#!/bin/sh
# Bring both databases up to date and make the first administrator.  Safe to run again, and run at every start:
# Airflow's migrations, then ours, then the sign-in, which is left alone when it exists.
set -eu

airflow db migrate
python -m plumbline migrate

# The password goes in by standard input, so that no process list shows it.
printf '%s\n%s\n' "$AIRFLOW_ADMIN_PASSWORD" "$AIRFLOW_ADMIN_PASSWORD" | airflow users create \
    --role Admin --username "$AIRFLOW_ADMIN_USER" --email "$AIRFLOW_ADMIN_EMAIL" \
    --firstname Plumbline --lastname Administrator
