// How many predicted links a run has in the graph.
// Params: $run
// Returns: predicted
MATCH ()-[p:PREDICTED {run: $run}]->()
RETURN count(p) AS predicted
