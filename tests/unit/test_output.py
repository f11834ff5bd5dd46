import json
import logging

import pytest

from kgplatform.cli import COMMANDS, follows_interrupt, main
from kgplatform.cli.output import emit, harmless_record, note, progress_bar, report_error, table
from kgplatform.errors import UnknownNameError


def test_json_is_all_of_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    note("a note")
    report_error("what was wrong", "what to do")
    emit({"name": "Ä 漢"}, True, "for a person")
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"name": "Ä 漢"}
    assert "Ä 漢" in printed.out
    assert printed.err == "a note\nerror: what was wrong\n  fix: what to do\n"


def test_text_is_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": 1}, False, "for a person")
    emit({"a": 1}, False, "")
    report_error("no remedy is known", "")
    printed = capsys.readouterr()
    assert printed.out == "for a person\n"
    assert printed.err == "error: no remedy is known\n"


HOSTILE = "a\x1b]0;title\x07b\rc\x9b31md\u202ee\udc80"
SHOWN = r"a\x1b]0;title\x07b\rc\x9b31md\u202ee\udc80"


def test_a_terminal_obeys_nothing_that_is_printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    emit({"name": HOSTILE}, False, f"two\nlines\tof {HOSTILE}")
    emit({"name": HOSTILE}, True, "")
    note(HOSTILE)
    report_error(HOSTILE, HOSTILE)
    printed = capsys.readouterr()
    text, data = printed.out.rsplit("\n", 2)[:2]
    assert text == f"two\nlines\tof {SHOWN}"
    assert data.isprintable()
    assert json.loads(data) == {"name": HOSTILE}
    assert printed.err == f"{SHOWN}\nerror: {SHOWN}\n  fix: {SHOWN}\n"
    record = logging.makeLogRecord({"msg": "file %s", "args": (HOSTILE,)})
    assert harmless_record(record)
    assert record.getMessage() == f"file {SHOWN}"


def test_a_cell_stays_on_its_line() -> None:
    lines = table(["name"], [["one\nerror: two"], [HOSTILE]]).splitlines()
    assert lines[2:] == [r"one\nerror: two", SHOWN]


def test_a_table_lines_up() -> None:
    assert table(["a", "long"], [["xyz", "1"], ["", "22"]]).splitlines() == [
        "a    long",
        "---  ----",
        "xyz  1",
        "     22",
    ]
    assert table(["a"], []) == "a\n-"


def test_progress_without_a_terminal_is_a_few_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("kgplatform.cli.output.time.monotonic", lambda: now)
    with progress_bar() as progress:
        for done in range(10_001):
            now += 0.001
            progress("facts", done, 10_000)
        progress("index", 1, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "facts: 0 of 10,000"
    assert lines[-2:] == ["facts: 10,000 of 10,000", "index: 1"]
    # Ten seconds of work at a line every five.
    assert len(lines) == 4


@pytest.mark.parametrize("name", ["lod", "Load", "trian", "simlar", "udno"])
def test_a_misspelt_command_is_recognised(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name])
    assert ended.value.code == 2
    meant = {"lod": "load", "Load": "load", "trian": "train", "simlar": "similar", "udno": "undo"}
    assert f"did you mean '{meant[name]}'?" in capsys.readouterr().err


def test_a_name_like_none_gets_the_list() -> None:
    error = UnknownNameError("command", "xyzzy", COMMANDS)
    assert "did you mean" not in error.hint
    assert all(name in error.hint for name in COMMANDS)
    assert UnknownNameError("run", "x", []).hint == "there is no run yet"


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_end_well(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert not ended.value.code
    assert capsys.readouterr().out


def test_an_error_while_ctrl_c_is_dealt_with_is_that_of_ctrl_c() -> None:
    found = []
    for first in (KeyboardInterrupt, ValueError):
        try:
            try:
                try:
                    raise first
                finally:
                    raise BufferError("cannot be closed")
            except BufferError:
                raise RuntimeError("cannot be given back") from None
        except RuntimeError as error:
            found.append(follows_interrupt(error))
    assert found == [True, False]
