"""The chat page: ask, watch the answer come, check its sources."""

from __future__ import annotations

from app import state
from app.widgets import pending_error
from app.widgets.asking import asked, composer, streaming
from app.widgets.chats import sidebar
from app.widgets.choices import header, invitation
from app.widgets.turns import show

user = str(state.user())
conversation = state.conversation_id()
sidebar(user)
chosen = header(user, conversation)
pending_error()

running = asked(user, conversation)
turns = state.wiring().conversations().turns(user, conversation) if conversation else []
for turn in turns[: running.info["turns"]] if running else turns:
    show(user, turn, chosen)
if running:
    streaming(running, chosen)
elif not turns:
    invitation(user, chosen)
composer(user, conversation, chosen, busy=running is not None)
