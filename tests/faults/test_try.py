import time
import pytest
from campaign import drawn
from fault_attempts import *
from writing_commands import WRITING

@pytest.mark.parametrize("name", WRITING)
def test_try(scene, name):
    t=time.monotonic()
    made = prepare(scene, WRITING[name])
    print(name, "prepared", round(time.monotonic()-t,2), "cmd", round(made.seconds,2), made.lines, dict(made.seen), made.after.files.keys().__len__())
    t=time.monotonic(); restore(scene, made); print("restore", round(time.monotonic()-t,2))
    told = scene.start(made.words).wait(); assert told.code==0, told.err
    with scene.store() as store:
        again = state(scene, store, made.writing)
    assert again.graph == made.after.graph
    assert again.files == made.after.files
    for n in range(2):
        t=time.monotonic(); a = kill_client(scene, made, drawn(f"{name}{n}")); print(a, round(time.monotonic()-t,2))
    for n in range(2):
        m = [k for k in CUT_AT if made.seen[k]]
        t=time.monotonic(); a = cut(scene, made, drawn(f"{name}c{n}"), m[n % len(m)]); print(a, round(time.monotonic()-t,2))
