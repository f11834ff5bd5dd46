from fault_attempts import *
from writing_commands import WRITING
def dump(store):
    out=[]
    for row in store.rows("MATCH (n) RETURN labels(n) AS l, properties(n) AS p"):
        out.append(f"node {row['l']} {sorted(row['p'].items(), key=lambda x:x[0])}")
    for row in store.rows("MATCH (a)-[r]->(b) RETURN a.id AS a, b.id AS b, type(r) AS t, properties(r) AS p"):
        out.append(f"rel {row['a']} {row['t']} {row['b']} {sorted(row['p'].items())}")
    for k in ("CONSTRAINTS","INDEXES"):
        for row in store.rows(f"SHOW {k} YIELD name, createStatement RETURN *"): out.append(f"{k} {row}")
    return set(out)

import time
def test_try(scene):
    for name in ["load", "predict --write","undo", "extract", "review accept"]:
        t=time.monotonic(); 
        try: made = prepare(scene, WRITING[name]); print(name, time.monotonic()-t, made.seconds)
        except AssertionError as e: print(name, str(e)[:3000]); continue
        with scene.store() as store: a=dump(store)
        restore(scene, made)
        told = scene.start(made.words).wait(); assert told.code==0, told.err
        with scene.store() as store: b=dump(store)
        for x in sorted(a-b)[:5]: print("-",x[:600])
        for x in sorted(b-a)[:5]: print("+",x[:600])
