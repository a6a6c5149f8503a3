"""What works on this machine. The looking runs in a job: loading libraries takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app import doctor, state
from app.widgets import plain, progress

if TYPE_CHECKING:
    from app.jobs import Job

SIGNS = {"ok": ":green[:material/check_circle:]", "optional": ":gray[:material/info:]"}
PROBLEM = ":red[:material/error:]"


def machine(user: str) -> None:
    """Every check of the doctor."""
    t, wiring = state.text(), state.wiring()
    st.caption(t("settings.machine_lead"))
    job = wiring.jobs().latest(user, "doctor")
    again = st.button(t("settings.look"), key="look", icon=":material/refresh:", disabled=bool(job and job.running))
    if job is None or again:
        if job:
            job.acknowledged = True

        def look(job: Job) -> Any:
            return list(doctor.checks(wiring, deep=False))

        job = wiring.jobs().start(user, "doctor", "", look, title=t("settings.looking"))
    if job.running and not job.wait(0.3):
        progress(job)
        return
    for check in job.result or ():
        sign = SIGNS.get(check.health, PROBLEM)
        name, found, fix = (plain(t.told(part, "doctor")) for part in (check.name, check.found, check.fix))
        st.markdown(f"{sign} **{name}** · {found}" + (f"  \n:small[{fix}]" if fix else ""))
