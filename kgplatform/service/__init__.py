"""The graph for programs: an HTTP service and a server of the Model Context Protocol."""
