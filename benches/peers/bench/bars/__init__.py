"""The bars, a file each: `measure(stand, table, say)` gives a Bar."""

from . import bodies, first_sight, flat, free, memory, tls, trouble, workers

BARS = {1: free, 2: first_sight, 3: flat, 4: workers, 5: memory, 6: bodies, 7: tls, 8: trouble}
# These look at the table, so it is measured for them.
OF_THE_TABLE = {1, 2}
