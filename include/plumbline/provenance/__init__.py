"""What happened, on record: runs, lineage edges and the results of data checks."""
