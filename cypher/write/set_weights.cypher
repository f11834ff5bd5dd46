// How much of the vectors that a run made of text and graph came from either, beside the vectors.
// Params: $nodes, $of_text, $of_graph (parallel; shares of 1); marks: text_weight, graph_weight
// Returns: found
UNWIND range(0, size($nodes) - 1) AS i
MATCH (n) WHERE elementId(n) = $nodes[i]
SET n.$$text_weight$$ = $of_text[i], n.$$graph_weight$$ = $of_graph[i]
RETURN count(n) AS found
