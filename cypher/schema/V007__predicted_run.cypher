// Predicted links by the run that wrote them, so that they can be taken back.
// Params: none
// Returns: nothing
CREATE INDEX predicted_run IF NOT EXISTS
FOR ()-[p:PREDICTED]-() ON (p.run)
