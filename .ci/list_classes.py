"""Make the list of classes that ``kgplatform/server/shared_classes.py`` has archived.

Run after the lock of jars has changed: ``python .ci/list_classes.py``. A server, its tools and an
import do what they do for users, and tell which classes they loaded.
"""

import gzip
import re
import tempfile
from pathlib import Path

from kgplatform import bulk, server
from kgplatform.server import config, importer, process
from kgplatform.settings import Settings
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.client import connect
from kgplatform.triples import Triple

QUERIES = (
    "MATCH (h)-[r]->(t) RETURN h.id, type(r), t.id",
    "CREATE VECTOR INDEX v FOR (n:Entity) ON n.v OPTIONS {indexConfig: "
    "{`vector.dimensions`: 4, `vector.similarity_function`: 'cosine'}}",
    "CREATE FULLTEXT INDEX f FOR (n:Entity) ON EACH [n.name]",
    "MATCH (n:Entity) CALL db.create.setNodeVectorProperty(n, 'v', [.1, .2, .3, .4])",
    "UNWIND range(1, 100) AS i MERGE (n:Entity {graph: 'g', id: toString(i)}) SET n.y = i",
    "CALL db.awaitIndexes(60)",
    "CALL db.index.vector.queryNodes('v', 3, [.1, .2, .3, .4]) YIELD node RETURN node",
    "MATCH p = shortestPath((a:Entity {id: 'a1'})-[*..3]-(b:Entity {id: 'a2'})) RETURN p",
)


def main() -> None:
    """Write the list into the package."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lists = iter(folder / f"classes-{number}" for number in range(9))
        for module in (process, importer):
            module.jvm_options = lambda settings: [  # type: ignore[attr-defined]
                *config.jvm_options(settings),
                f"-XX:DumpLoadedClassList={next(lists)}",
            ]
        _work(folder)
        lines = [
            line
            for path in folder.glob("classes-*")
            for line in path.read_text().splitlines()
            # Lambdas, and classes of loaders of their own: no archive takes them by name alone.
            if not re.match("[#@]|.* source:", line)
        ]
    names = sorted({line.split(" ")[0] for line in lines})
    target = Path(config.__file__).with_name(f"neo4j-{config.NEO4J_VERSION}.classes.gz")
    target.write_bytes(gzip.compress("".join(f"{name}\n" for name in names).encode(), mtime=0))
    print(f"{len(names):,} classes in {target.name}")


def _work(folder: Path) -> None:
    settings = Settings(neo4j_uri=None, kgp_home=folder / "home")
    triples = [Triple(f"a{n % 50}", f"r{n % 3}", f"a{n * 7 % 50}") for n in range(300)]
    server.start(settings)
    try:
        with RejectsFile(folder / "rejects.tsv") as rejects:
            bulk.bulk_load(settings, "g", Source("s", "python", lambda _: iter(triples)), rejects)
        info = server.running(settings)
        assert info is not None
        with connect(info.uri, info.username, info.password) as store:
            for query in QUERIES:
                store.command(query)
    finally:
        server.stop(settings)


if __name__ == "__main__":
    main()
