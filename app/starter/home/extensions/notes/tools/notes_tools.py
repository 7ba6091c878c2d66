# SPDX-License-Identifier: Apache-2.0
"""Tools for notes. Each returns (success, JSON text)."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from notes_store import NoteError, Notes  # noqa: E402

SYSTEM_PROMPT = (
    "The NOTES tools keep the user's short notes. Use NOTES_search when the user asks about something "
    "that a note may hold, NOTES_list for the latest notes, NOTES_add when the user wants something "
    "remembered. Delete a note only when the user asks for it, by the id that a list or search gave."
)


def NOTES_add(text: str) -> tuple[bool, str]:
    """
    Add a note.

    Example Prompt: "Remember that the spare key is with the neighbour."

    Example Response:
    {"note": {"id": 7, "text": "The spare key is with the neighbour.", "created_at": "2026-01-31T09:30:00.000Z"}}

    Example Args:
    {"text": "The spare key is with the neighbour."}
    """
    return answer(lambda: {"note": Notes().add(text)})


def NOTES_list(limit: int = 20) -> tuple[bool, str]:
    """
    List the latest notes, newest first, at most 200.

    Example Prompt: "What are my notes?"

    Example Response:
    {"count": 1, "notes": [{"id": 7, "text": "The spare key is with the neighbour.", "created_at": "2026-01-31T09:30:00.000Z"}]}

    Example Args:
    {"limit": 20}
    """

    def work():
        notes = Notes()
        return {"count": notes.count(), "notes": notes.list(limit)}

    return answer(work)


def NOTES_search(query: str, limit: int = 20) -> tuple[bool, str]:
    """
    Find the notes that hold every word of the query, in any case, newest first.

    Example Prompt: "Where is the spare key?"

    Example Response:
    {"notes": [{"id": 7, "text": "The spare key is with the neighbour.", "created_at": "2026-01-31T09:30:00.000Z"}]}

    Example Args:
    {"query": "spare key", "limit": 20}
    """
    return answer(lambda: {"notes": Notes().search(query, limit)})


def NOTES_delete(id: int) -> tuple[bool, str]:
    """
    Delete the note with this id. It does not come back.

    Example Prompt: "Delete note 7."

    Example Response:
    {"deleted": {"id": 7, "text": "The spare key is with the neighbour.", "created_at": "2026-01-31T09:30:00.000Z"}}

    Example Args:
    {"id": 7}
    """
    return answer(lambda: {"deleted": Notes().delete(id)})


def answer(work):
    try:
        return (True, json.dumps(work(), ensure_ascii=False))
    except NoteError as error:
        return (False, json.dumps({"error": str(error)}, ensure_ascii=False))
    except Exception as error:  # a full disk, a file that is no database: said, not raised
        return (False, json.dumps({"error": f"the notes cannot be reached: {error}"}, ensure_ascii=False))


TOOLS = [NOTES_add, NOTES_list, NOTES_search, NOTES_delete]
