"""Parts of the service that need neither HTTP nor a database."""

from __future__ import annotations

import asyncio
import json
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from kgplatform import errors
from kgplatform.errors import InputError, KGPlatformError, TimedOutError, UsageError
from kgplatform.service.config import ServiceConfig, check
from kgplatform.service.keys import Keys, read_keys
from kgplatform.service.limits import MOST_BUCKETS, Buckets
from kgplatform.service.problems import TOLD, problem_of, status_of
from kgplatform.service.spoken import Spoken
from kgplatform.service.work import Pool
from kgplatform.store.deadline import seconds_left, within

KEY = "a-key-of-more-than-twenty"


def test_keys_are_kept_as_hashes(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of our own\nbob:{KEY}-2\n\n")
    file.chmod(0o600)
    keys = read_keys(f"alice:{KEY}, {KEY}-3", file)
    assert keys.owner(KEY) == "alice"
    assert keys.owner(f"{KEY}-2") == "bob"
    assert keys.owner(f"{KEY}-3") == "key-2"
    assert keys.owner("") is None
    assert keys.owner("ключ\ud800") is None
    assert KEY not in repr(keys) + repr(ServiceConfig(("g",), keys))
    assert not read_keys(None, None)


def test_keys_that_others_can_read_or_guess_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(0o640)
    with pytest.raises(InputError, match="others can read") as refused:
        read_keys(None, file)
    assert "chmod 600" in refused.value.hint
    with pytest.raises(InputError, match="cannot be read"):
        read_keys(None, tmp_path / "none")
    for wrong in ("short", f"two words {KEY}", f"a:b:{KEY}"):
        with pytest.raises(UsageError) as error:
            read_keys(wrong, None)
        assert wrong not in str(error.value)


def test_beyond_loopback_a_key_is_needed() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org"):
        with pytest.raises(UsageError, match="loopback only") as refused:
            check(ServiceConfig(("g",), host=host))
        assert "KGP_API_KEYS" in refused.value.hint
        check(ServiceConfig(("g",), read_keys(KEY, None), host=host))
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        check(ServiceConfig(("g",), host=host))
    with pytest.raises(UsageError, match="every web page"):
        check(ServiceConfig(("g",), origins=("*",)))


def test_a_bucket_fills_by_its_rate_and_holds_its_burst() -> None:
    now = 0.0
    buckets = Buckets(2.0, 3, lambda: now)
    assert [buckets.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.wait("b") == 0.0
    now = 0.5
    assert [buckets.wait("a") for _ in range(2)] == [0.0, 0.5]
    now = 100.0
    assert [buckets.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    for number in range(MOST_BUCKETS + 10):
        buckets.wait(f"stranger {number}")
    assert len(buckets._buckets) == MOST_BUCKETS
    assert Buckets(0.0, 0).wait("a") == 0.0


def test_every_error_has_a_status_and_ours_are_told_in_general_words() -> None:
    def kinds(kind: type[KGPlatformError]) -> set[type[KGPlatformError]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))

    for kind in kinds(KGPlatformError):
        if kind.__module__ != errors.__name__ or kind is errors.UnknownNameError:
            continue
        error = kind("bolt://inner:7687 says no", hint="look there")
        status = status_of(error)
        body = problem_of(error, "r1")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and any(
            told in kind.__mro__ for told in TOLD
        ):
            assert "inner" not in body["detail"] or kind is TimedOutError, kind
        else:
            assert body["hint"] == "look there"


def test_the_pool_ends_what_takes_too_long() -> None:
    async def asked() -> None:
        pool = Pool(1, 1)
        with pytest.raises(TimedOutError, match=r"within 0\.05 s"):
            await pool.run(lambda: time.sleep(0.3), 0.05)
        left = await pool.run(seconds_left, 5.0)
        assert left is not None
        assert 0 < left < 5
        assert pool.under_way == 0
        pool.close()

    asyncio.run(asked())


def test_time_that_is_over_is_over() -> None:
    assert seconds_left() is None
    with within(0.0), pytest.raises(TimedOutError):
        seconds_left()
    assert seconds_left() is None


def test_nobody_is_let_in_by_no_keys() -> None:
    assert Keys().owner("") is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_words_are_heard_out_of_json_however_it_is_cut(size: int) -> None:
    said = ['Zażółć "gęślą" jaźń\\n\t', "\U0001f600 and \\u0041", "", "end\\"]
    made = json.dumps({"sentences": [{"sentence": each, "statements": [1]} for each in said]})
    spoken = Spoken()
    heard = [spoken.take(made[at : at + size]) for at in range(0, len(made), size)]
    assert "".join(heard) == "".join(f"{each} " for each in said)
    plain = Spoken()
    assert "".join(plain.take(piece) for piece in ("  ", "Of ", "words")) == "  Of words"
