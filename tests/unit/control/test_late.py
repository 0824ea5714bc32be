"""Which change of those put aside writes a row: the last word on it, told by the audit record that belongs to it."""

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.late import last_words
from domain.words import Words
from wire.canonical import Json


def said(name: str) -> Entry:
    return Entry(at_ms=1, actor="wang", kind=name, object="gate", words=Words(name, name), body={})


def put(value: str, *entries: Entry, name: str = "n") -> Change:
    return Change(writes=(Write(table="facts", row={"name": name, "value": value}),), entries=entries)


def values(changes: list[Change]) -> list[list[object]]:
    return [[write.row["value"] for write in change.writes] for change in last_words(changes)]


def test_a_row_is_written_once_by_the_last_that_says_so_in_the_audit() -> None:
    assert values([put("1", said("a")), put("2", said("b")), put("x", said("c"), name="m")]) == [
        [],
        ["2"],
        ["x"],
    ]


def test_what_adds_to_a_row_without_a_word_comes_with_the_change_that_it_adds_to() -> None:
    assert values([put("1", said("a")), put("2", said("b")), put("2 and sent")]) == [[], ["2 and sent"], []]
    assert values([put("1"), put("1 and sent")]) == [["1 and sent"], []]


def test_what_adds_to_a_change_that_is_written_already_is_written_by_itself() -> None:
    changes = [put("0"), put("1", said("a")), put("2"), put("3")]
    found = last_words(changes, {1})
    assert [[write.row["value"] for write in change.writes] for change in found] == [[], [], ["3"], []]
    found = last_words(changes[:2], {1})
    assert [[write.row["value"] for write in change.writes] for change in found] == [[], ["1"]]


def test_a_message_adds_to_a_command_and_does_not_say_how_far_it_has_come() -> None:
    def command(state: str, *entries: Entry, **body: Json) -> Change:
        row: dict[str, Json] = {"id": "c", "state": state, "body": {"messages": {}, "sent": [], **body}}
        return Change(writes=(Write(table="commands", row=row),), entries=entries)

    token: Json = {"cancel": "a.b.c"}
    found = last_words(
        [
            command("requested", said("command.cancel"), transitions=[]),
            command("selected", transitions=["selected"], messages=token, sent=["cancel"]),
        ]
    )
    assert [len(change.writes) for change in found] == [1, 0]
    assert found[0].writes[0].row == {
        "id": "c",
        "state": "requested",
        "body": {"messages": token, "sent": ["cancel"], "transitions": []},
    }
    told = last_words(
        [
            command("requested", transitions=[]),
            command("selected", said("edge.command"), transitions=["selected"]),
        ]
    )
    assert told[1].writes[0].row["state"] == "selected"


def test_every_entry_and_every_new_row_stays_in_its_order() -> None:
    new = Change(
        writes=(Write(table="facts", kind="insert", row={"name": "n", "value": "0"}),), entries=(said("a"),)
    )
    found = last_words([new, put("1", said("b"))])
    assert [change.entries[0].kind for change in found] == ["a", "b"]
    assert found[0] == new
    assert last_words([]) == []
