// Whether a property identifies the nodes of a label: without that, writes could multiply.
// Params: $label, $key
// Returns: name
SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, properties
WHERE entityType = 'NODE' AND type IN ['UNIQUENESS', 'NODE_KEY', 'NODE_PROPERTY_UNIQUENESS']
  AND labelsOrTypes = [$label]
  AND (properties = [$key] OR ($label IN ['Entity', 'Chunk'] AND properties = ['graph', $key]))
RETURN name
