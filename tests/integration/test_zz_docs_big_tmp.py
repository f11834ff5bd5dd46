import time, hashlib
from kgplatform.text.chunk import chunk
from kgplatform.triples import Document
from kgplatform.store.documents import load_documents
def test_big(store, graph_name):
    text = "".join(f"Dr. Hopper met person {i} in the U.S. Army, where she worked for {i}.5 years. Then she came back!\n" for i in range(120_000))
    t=time.time(); d=Document("big","u","t",hashlib.sha256(text.encode()).hexdigest(),chunk("big",text)); print(len(text)/1e6,"MB",len(d.chunks),"chunked in",time.time()-t)
    t=time.time(); print(load_documents(store,graph_name,[d],source="s"),time.time()-t)
    t=time.time(); print(load_documents(store,graph_name,[d],source="s"),time.time()-t)
    text = text[:4_000_000]+"New. "+text[4_000_000:]
    d=Document("big","u","t",hashlib.sha256(text.encode()).hexdigest(),chunk("big",text))
    t=time.time(); print(load_documents(store,graph_name,[d],source="s"),time.time()-t)
    n=store.rows("MATCH (:Document {graph:$g})<-[:PART_OF]-(c) OPTIONAL MATCH (c)-[r:NEXT]->() RETURN count(c) AS c, count(r) AS r", g=graph_name)
    print(n, len(d.chunks))
