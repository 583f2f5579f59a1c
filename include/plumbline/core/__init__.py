"""The ground floor: settings, errors, database access, SQL files and migrations."""
