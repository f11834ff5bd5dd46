// Lists all indexes with their state, for `kgp doctor`.
// Params: none
// Returns: name, type, state, percent
SHOW INDEXES YIELD name, type, state, populationPercent
RETURN name, type, state, populationPercent AS percent
ORDER BY name
