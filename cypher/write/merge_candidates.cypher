// Make candidates or bring them up to date with what is thought of them now. A status that somebody
// has set by hand stays until it is applied.
// Params: $graph, $items (maps of id, status and properties)
// Returns: candidates
UNWIND $items AS item
MERGE (c:Candidate {graph: $graph, id: item.id})
WITH c, item, CASE WHEN c.status <> c.applied THEN c.status ELSE item.status END AS status
SET c += item.properties
SET c.status = status, c.applied = item.status, c.stale = null
RETURN count(c) AS candidates
