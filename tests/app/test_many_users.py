"""Many people at once: nobody sees another's data and nothing is lost (the small size of benchmarks/fifty_users.py)."""

from __future__ import annotations

from benchmarks.fifty_users import reply, run


def test_a_dozen_people_at_once_lose_nothing_and_see_nothing_of_each_other(home):
    found = run(users=12, questions=2, home=home)
    assert found["lost_turns"] == found["lost_documents"] == found["leaks"] == found["wrong_answers"] == 0


def test_the_fake_model_would_tell_on_a_leak():
    assert "LILAC-1 and LILAC-2" in reply([{"content": "code LILAC-1."}, {"content": "code LILAC-2."}])
