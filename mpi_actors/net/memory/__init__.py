"""A network in memory: latency, cuts, partitions and deaths under a test's clock."""
