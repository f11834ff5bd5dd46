// An extraction that has written into this database.
// Params: $run
// Returns: graph, claim (what stands among the sources of documents that it brought), created
MATCH (r:Run {id: $run, model: 'extract'})
RETURN r.graph AS graph, r.claim AS claim, r.created AS created
