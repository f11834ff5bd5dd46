// Take the lock on a lane of a load until the transaction ends. The owner is read after the lock
// is had: a lane that another load has removed meanwhile has none.
// Params: $graph, $owner, $lane
// Returns: had (0 if the lane is gone)
MATCH (l:Lane {graph: $graph, owner: $owner, number: $lane})
SET l.taken = coalesce(l.taken, 0) + 1
WITH l
WHERE l.owner = $owner
RETURN count(l) AS had
