"""The index goes with the texts: written in their transaction, gone with them, proven equal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, select, text, update

from autoai.extensions import db
from autoai.models import InstanceState, Run, RunText, write_transaction
from autoai.queries.search import Words
from autoai.services import search_index
from autoai.services.ports import Ports
from autoai.services.retention import remove_old_runs, remove_old_texts
from autoai.services.runs import cancel_run, retry_run
from autoai.services.search_index import index_older_texts, rebuild_search
from autoai.services.tasks import delete_task
from tests.factories import make_run, make_task, run_now
from tests.fakes import START, FakeClock, ScriptedProvider, completion
from tests.ticks import record, send, settle, tick


@pytest.fixture(autouse=True)
def _in_app(in_app: Flask) -> None:
    pass


def found(query: str) -> list[int]:
    words = Words.of(query)
    ids = words.newest(1_000) if words else []
    db.session.commit()
    return sorted(ids)


def held() -> int:
    count = db.session.scalar(text("SELECT count(*) FROM run_search"))
    db.session.commit()
    return int(count or 0)


def write(statement: str) -> None:
    with write_transaction() as session:
        session.execute(text(statement))


def assert_sound() -> None:
    """SQLite finds nothing wrong, neither with the file nor with the index."""
    assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"
    assert not list(db.session.execute(text("PRAGMA foreign_key_check")))
    db.session.commit()
    write("INSERT INTO run_search (run_search) VALUES ('integrity-check')")


def test_a_run_is_found_by_what_it_said_and_what_came_back(app: Flask, ports: Ports) -> None:
    task = make_task(
        ports,
        system_message="You know 量子纠缠 well",
        messages=[{"role": "assistant", "content": "Quantities, yes"}],
        message_content="What is new in physics?",
    )
    run = run_now(ports, task.id)
    tick(app, ScriptedProvider(completion("今天没有什么新闻。No news.")))
    for query in ("纠缠", "quantities yes", "physics", "新闻", '"no news"', "physics 今天"):
        assert found(query) == [run.id], query
    assert found('"physics 今天"') == found("assistant") == [], "a role is no word of it"
    assert held() == 1
    assert_sound()


def test_what_a_failure_said_is_found(app: Flask, ports: Ports) -> None:
    make_task(ports)
    run_id = make_run(
        make_task(ports, name="b"), START, status="failed", texts={"error_message": "teapot 418"}
    )
    assert found("teapot") == [], "the factory writes no index"
    assert rebuild_search() == 1
    assert found("teapot") == [run_id]


def test_a_run_with_the_same_input_is_found_before_it_is_sent(app: Flask, ports: Ports) -> None:
    first = run_now(ports, make_task(ports, message_content="Aardvarks?").id)
    tick(app, ScriptedProvider(completion("Zebras.")))
    again = retry_run(ports, first.id, same_input=True)
    assert found("aardvarks") == [first.id, again] and found("zebras") == [first.id]
    tick(app, ScriptedProvider(completion("Yaks.")))
    assert found("aardvarks yaks") == [again], "its words are exchanged, not added to"
    third = retry_run(ports, first.id, same_input=True)
    cancel_run(ports, third)
    assert found("aardvarks") == [first.id, again, third] and held() == 3
    assert rebuild_search() == 0
    assert_sound()


def test_messages_that_a_row_had_before_stay_indexed(app: Flask, ports: Ports) -> None:
    first = run_now(ports, make_task(ports, message_content="Aardvarks?").id)
    with write_transaction() as session:
        said = [{"role": "user", "content": "Buffaloes!"}]
        session.add(RunText(run_id=first.id, request_messages=said))
    orders = settle(app).orders
    outcomes = send(app, orders, ScriptedProvider(completion("Yaks.")))
    object.__setattr__(outcomes[0].order, "messages", [])
    record(app, outcomes)
    assert found("buffaloes yaks") == [first.id]
    assert rebuild_search() == 0


def test_words_go_with_the_texts(app: Flask, ports: Ports, clock: FakeClock) -> None:
    kept = make_task(ports, interval_seconds=6 * 3_600)
    other = make_task(ports, name="Other", interval_seconds=6 * 3_600, message_content="Other")
    for _ in range(12):
        clock.step(hours=6)
        tick(app, ScriptedProvider(completion("词语")))
    assert held() == 24 == len(found("词语"))
    assert remove_old_texts(clock.now(), days=2) == 6
    assert held() == 18
    assert_sound()
    assert remove_old_runs(clock.now(), days=1) == 14, "their texts go by the foreign key"
    assert held() == 10 == len(found("词语"))
    assert_sound()
    delete_task(ports, other.id)
    assert held() == 5 == len(found("词语")) and found("other") == []
    assert_sound()
    delete_task(ports, kept.id)
    assert held() == 0 == len(found("词语"))
    assert rebuild_search() == 0
    assert_sound()


def older(ports: Ports, count: int) -> list[int]:
    """Runs whose texts were there before the index was; their ids."""
    task = make_task(ports)
    said = [{"role": "user", "content": "Old 消息"}]
    ids = [
        make_run(
            task,
            START + timedelta(minutes=n),
            texts={"request_messages": said, "response_text": f"answer{n}"},
        )
        for n in range(count)
    ]
    with write_transaction() as session:
        session.execute(update(InstanceState).values(unindexed_below=ids[-1] + 1))
    return ids


def unindexed() -> int | None:
    below = db.session.scalar(select(InstanceState.unindexed_below))
    db.session.commit()
    return below


def test_older_texts_are_worked_off_newest_first(
    app: Flask, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "STEP", 4)
    ids = older(ports, 10)
    new = run_now(ports, make_task(ports, name="new", message_content="New 消息").id)
    tick(app)
    assert found("消息") == [new.id], "what is new does not wait"
    assert index_older_texts() == 4
    assert found("消息") == [*ids[-4:], new.id] and unindexed() == ids[-4]
    with write_transaction() as session:
        session.execute(delete(Run).where(Run.id.in_(ids[2:8])))
    assert [index_older_texts() for _ in range(3)] == [2, 0, 0]
    assert found("消息") == [*ids[:2], *ids[8:], new.id] and unindexed() == 0
    assert rebuild_search() == 0
    assert_sound()


def test_a_step_is_short_where_texts_are_long(app: Flask, ports: Ports) -> None:
    ids = older(ports, 3)
    with write_transaction() as session:
        session.execute(update(RunText).values(response_text="很长" * 60_000))
    assert [index_older_texts() for _ in range(4)] == [1, 1, 1, 0]
    assert found("很长") == ids


def test_a_run_that_ends_while_older_ones_are_indexed_is_right(app: Flask, ports: Ports) -> None:
    """Queued before there was an index, recorded after."""
    first = run_now(ports, make_task(ports, message_content="Aardvarks?").id)
    tick(app)
    again = retry_run(ports, first.id, same_input=True)
    write("DELETE FROM run_search")
    with write_transaction() as session:
        session.execute(update(InstanceState).values(unindexed_below=again + 1))
    tick(app, ScriptedProvider(completion("Yaks.")))
    assert found("aardvarks yaks") == [again]
    assert index_older_texts() == 2 and index_older_texts() == 0
    assert found("aardvarks") == [first.id, again] and held() == 2
    assert rebuild_search() == 0


def test_rebuilding_proves_and_mends(app: Flask, ports: Ports) -> None:
    ids = older(ports, 7)
    assert rebuild_search() == 7, "it does not wait for those that were to be worked off"
    assert unindexed() == 0 and found("消息") == ids
    assert rebuild_search() == 0
    write(f"UPDATE run_search SET words = 'wrong' WHERE rowid = {ids[2]}")
    write(f"DELETE FROM run_search WHERE rowid = {ids[4]}")
    write("INSERT INTO run_search (rowid, words) VALUES (999, '消息')")
    write("INSERT INTO run_search (rowid, words) VALUES (-5, '消息')")
    assert rebuild_search() == 4
    assert rebuild_search() == 0
    assert found("消息") == ids and found("wrong") == []
    assert_sound()


def test_an_index_that_is_damaged_is_made_anew(app: Flask, ports: Ports) -> None:
    ids = older(ports, 3)
    rebuild_search()
    write("UPDATE run_search_content SET c0 = 'quite other words' WHERE id = 2")
    write("DELETE FROM run_search_content WHERE id = 3")
    assert rebuild_search() > 0
    assert rebuild_search() == 0
    assert found("消息") == ids
    assert_sound()


def test_an_index_that_is_right_is_proven_without_the_lock(app: Flask, ports: Ports) -> None:
    older(ports, 5)
    rebuild_search()
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert rebuild_search() == 0
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert asked and "BEGIN IMMEDIATE" not in asked
    folder = Path(db.engine.url.database or "").parent
    assert not list(folder.glob("search-index-*")), "the copy is gone"


def test_the_command_says_what_it_found(app: Flask, ports: Ports) -> None:
    older(ports, 2)
    db.session.remove()
    command = app.test_cli_runner().invoke
    told = [command(args=["rebuild-search"]).output for _ in range(2)]
    assert told == ["2 runs were indexed wrongly; mended.\n", "The search index was right.\n"]
