// Where a server says that its pages, Browser among them, are to be found.
// Params: none
// Returns: name, value
SHOW SETTINGS 'server.http.enabled', 'server.http.advertised_address',
              'server.https.enabled', 'server.https.advertised_address'
YIELD name, value
