"""One handler with one conn: where it is over."""

import pytest

from portside import net
from portside.engine import current
from portside.errors import Cancelled
from portside.net import Conn
from portside.server.conversation import Conversation


@pytest.mark.parametrize("ended_by", [Cancelled, LookupError])
def test_a_handler_is_over_before_its_conn_is_reset(
    ended_by: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a signal that cuts handlers could strike there, and its end be lost."""
    near, far = net.pipe()
    was_inside: list[bool] = []

    def handler(conn: Conn) -> None:
        was_inside.append(conversation.runs_on(current()))
        conn.write(b"half")
        raise ended_by

    def abort() -> None:
        was_inside.append(conversation.runs_on(current()))

    conversation = Conversation(
        near, handler, on_end=lambda each: None, close_beside=lambda conn: None
    )
    with monkeypatch.context() as patched:
        patched.setattr(near, "abort", abort)
        conversation.converse()
    assert was_inside == [True, False]
    near.close()
    far.close()
