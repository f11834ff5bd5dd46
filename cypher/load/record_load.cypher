// Record a load that came to its end. The same source of the same content has one record,
// which its later loads renew.
// Params: $graph, $source, $hash, $record (format, counts, seconds)
// Returns: nothing
MERGE (l:Load {graph: $graph, source: $source, hash: $hash})
SET l += $record, l.finished = datetime()
